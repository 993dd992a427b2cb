"""The members that answers are known to have, so that a new one is noticed.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse, Vertex AI's reference, and what
recordings add to them.
"""

CHUNK = frozenset(
    {
        "candidates",
        "promptFeedback",
        "usageMetadata",
        "modelVersion",
        "modelStatus",
        "responseId",
        "createTime",
        "error",
    }
)
CANDIDATE = frozenset(
    {
        "content",
        "finishReason",
        "finishMessage",
        "index",
        "safetyRatings",
        "citationMetadata",
        "groundingAttributions",
        "groundingMetadata",
        "urlContextMetadata",
        "logprobsResult",
        "avgLogprobs",
        "tokenCount",
        "score",
    }
)
PART = frozenset(
    {
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
        "toolResponse",
        "inlineData",
        "partMetadata",
        "videoMetadata",
        "mediaResolution",
    }
)
CALL = frozenset({"id", "name", "args"})
