"""Build: makes an image of an uploaded source, unless its content has one.

It runs in CodeBuild, because it needs Docker. `buildspecs/build.yaml` fetches this code as a zip and runs it with the
build image's Python, which is 3.11 and has boto3: the Dockerfiles of `amazonlinux-x86_64-standard:5.0` and
`amazonlinux-aarch64-standard:3.0` install boto3 into each Python that they have, and end with `pyenv global` of 3.11.
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/x86_64/standard/5.0/Dockerfile
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/aarch64/standard/3.0/Dockerfile
"""
