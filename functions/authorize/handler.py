"""The REST API's authorizer: who holds the credential in `Authorization`"""

from lambda_responses.runtime.authorizer import authorizer

lambda_handler = authorizer()
