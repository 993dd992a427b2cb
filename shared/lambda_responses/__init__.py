"""The OpenAI Responses API over any model provider, as a library and as AWS Lambda functions."""
