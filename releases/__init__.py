"""What the program, the pipeline's steps and the operators' commands share: a release, its record, its images, names.

It needs boto3 and nothing else, because the steps run it in Lambda and CodeBuild.
"""
