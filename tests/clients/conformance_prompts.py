"""Prompts that the protocol's conformance suite asks for by name."""

from mcp.types import (
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
    TextResourceContents,
)

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

PROMPTS = [
    Prompt(
        name=name,
        description="A fixture.",
        arguments=[PromptArgument(name=argument, required=True) for argument in arguments],
    )
    for name, arguments in {
        "test_simple_prompt": (),
        "test_prompt_with_arguments": ("arg1", "arg2"),
        "test_prompt_with_embedded_resource": ("resourceUri",),
        "test_prompt_with_image": (),
        "test_input_required_result_prompt": (),
    }.items()
]


def written(name: str, arguments: dict[str, str]) -> GetPromptResult:
    messages: list[PromptMessage] = []

    def say(content: TextContent | EmbeddedResource | ImageContent) -> None:
        messages.append(PromptMessage(role="user", content=content))

    match name:
        case "test_prompt_with_arguments":
            first, second = arguments["arg1"], arguments["arg2"]
            told = f"Prompt with arguments: arg1='{first}', arg2='{second}'"
            say(TextContent(type="text", text=told))
        case "test_prompt_with_embedded_resource":
            resource = TextResourceContents(
                uri=arguments["resourceUri"],
                mime_type="text/plain",
                text="Embedded resource content for testing.",
            )
            say(EmbeddedResource(type="resource", resource=resource))
            say(TextContent(type="text", text="Please process the embedded resource above."))
        case "test_prompt_with_image":
            say(ImageContent(type="image", data=PNG, mime_type="image/png"))
            say(TextContent(type="text", text="Please analyze the image above."))
        case _:
            say(TextContent(type="text", text="This is a simple prompt for testing."))
    return GetPromptResult(messages=messages)
