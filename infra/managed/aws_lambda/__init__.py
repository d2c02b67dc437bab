"""The model server as an AWS Lambda function."""

from infra.managed.aws_lambda.function import LambdaFunction, LambdaFunctionArgs, image_pull_statement

__all__ = ["LambdaFunction", "LambdaFunctionArgs", "image_pull_statement"]
