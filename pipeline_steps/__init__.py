"""The deploy pipeline's own steps: Python that CodePipeline runs, in Lambda where a step only calls AWS.

The code needs boto3 and `releases`, and nothing else.
"""
