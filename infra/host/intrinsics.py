"""What CloudFormation's functions come to, on a host that is an account of its own.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from infra.host.template import Json, TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "000000000000"
STACK = "lambda-responses"

_NO_VALUE = object()
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")


class Intrinsics:
    """The values of one template, given its parameters."""

    def __init__(self, template: Json, parameters: Mapping[str, str], *, region: str) -> None:
        """Raises `TemplateError` for a parameter that the template does not have, or has no default for."""
        declared: Json = template.get("Parameters", {})
        if unknown := sorted(parameters.keys() - declared.keys()):
            raise TemplateError(f"The template has no parameter {unknown[0]}.")
        self.region = region
        self._resources: Json = template["Resources"]
        self._conditions: Json = template.get("Conditions", {})
        self._mappings: Json = template.get("Mappings", {})
        self._values: Json = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{STACK}/1",
            "AWS::StackName": STACK,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._values |= {name: _parameter(name, told, parameters) for name, told in declared.items()}

    def holds(self, condition: str) -> bool:
        """Whether that condition of the template is true."""
        return bool(self.resolve(self._conditions[condition]))

    @cached_property
    def resources(self) -> Json:
        """The resources whose condition holds, by logical id, their properties unresolved."""
        return {
            name: resource
            for name, resource in self._resources.items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def properties(self, logical_id: str, *names: str) -> Json:
        """Those properties of a resource that it has, resolved. Raises `TemplateError`."""
        properties: Json = self._resource(logical_id).get("Properties") or {}
        return self.resolve({name: properties[name] for name in names if name in properties})

    def resolve(self, value: Any) -> Any:
        """The value without intrinsics; what is `AWS::NoValue` is left out. Raises `TemplateError`."""
        match value:
            case {"Condition": str(name)} if len(cast("Json", value)) == 1:
                return self.holds(name)
            case {"Ref": str(name)}:
                return self._ref(name)
            case dict():
                members = cast("Json", value)
                [*names] = members
                if len(names) == 1 and names[0].startswith("Fn::"):
                    return self._call(names[0], members[names[0]])
                resolved = {name: self.resolve(member) for name, member in members.items()}
                return {name: member for name, member in resolved.items() if member is not _NO_VALUE}
            case list():
                items = [self.resolve(each) for each in cast("list[Any]", value)]
                return [each for each in items if each is not _NO_VALUE]
            case _:
                return value

    def _call(self, name: str, argument: Any) -> Any:
        match name, argument:
            case "Fn::If", [str(condition), then, otherwise]:
                return self.resolve(then if self.holds(condition) else otherwise)
            case "Fn::Equals", [one, other]:
                return str(self.resolve(one)) == str(self.resolve(other))
            case "Fn::Not", [condition]:
                return not self.resolve(condition)
            case "Fn::And", conditions:
                return all(self.resolve(conditions))
            case "Fn::Or", conditions:
                return any(self.resolve(conditions))
            case "Fn::Join", [str(separator), parts]:
                return separator.join(map(str, self.resolve(parts)))
            case "Fn::Split", [str(separator), text]:
                return self.resolve(text).split(separator)
            case "Fn::Select", [index, items]:
                return self.resolve(items)[int(self.resolve(index))]
            case "Fn::FindInMap", [first, second, third]:
                return self._mappings[self.resolve(first)][self.resolve(second)][self.resolve(third)]
            case "Fn::GetAtt", [str(resource), str(attribute)]:
                return self._attribute(resource, attribute)
            case "Fn::Sub", str(text):
                return self._substituted(text, {})
            case "Fn::Sub", [str(text), more]:
                return self._substituted(text, self.resolve(more))
            case _:
                raise TemplateError(f"This host does not know {name} of {argument!r}.")

    def _substituted(self, text: str, more: Json) -> str:
        def value(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return f"${{{name}}}"
            if name in more:
                return str(more[name])
            resource, dot, attribute = name.partition(".")
            return str(self._attribute(resource, attribute) if dot else self._ref(name))

        return _PLACEHOLDER.sub(value, text)

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        function, dot, _ = name.partition(".")
        if dot:  # SAM's way to name an alias or a version
            return self.function_arn(function)
        match self._resource(name):
            case {"Type": "AWS::Serverless::Function"}:
                return self.function_name(name)
            case {"Type": "AWS::Serverless::LayerVersion"}:
                return f"arn:aws:lambda:{self.region}:{ACCOUNT}:layer:{name}:1"
            case {"Type": "AWS::SQS::Queue"}:
                return self.queue_url(name)
            case _:
                return f"{STACK}-{name}"

    def _attribute(self, resource: str, attribute: str) -> str:
        match self._resource(resource)["Type"], attribute:
            case "AWS::Serverless::Function", "Arn":
                return self.function_arn(resource)
            case "AWS::SQS::Queue", "Arn":
                return self.queue_arn(resource)
            case "AWS::SQS::Queue", "QueueName":
                return self.queue_name(resource)
            case _:
                pass
        return f"arn:aws:{STACK}:{self.region}:{ACCOUNT}:{resource}/{attribute}"

    def function_name(self, logical_id: str) -> str:
        """The name that a function is known by."""
        named = self._resource(logical_id)["Properties"].get("FunctionName")
        return f"{STACK}-{logical_id}" if named is None else self.resolve(named)

    def function_arn(self, logical_id: str) -> str:
        """The ARN of a function, without version or alias."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{self.function_name(logical_id)}"

    def queue_name(self, logical_id: str) -> str:
        """The name that a queue is known by."""
        named = self._resource(logical_id).get("Properties", {}).get("QueueName")
        return f"{STACK}-{logical_id}" if named is None else self.resolve(named)

    def queue_url(self, logical_id: str) -> str:
        """The URL that a queue is asked for at."""
        return f"https://sqs.{self.region}.amazonaws.com/{ACCOUNT}/{self.queue_name(logical_id)}"

    def queue_arn(self, logical_id: str) -> str:
        """The ARN of a queue."""
        return f"arn:aws:sqs:{self.region}:{ACCOUNT}:{self.queue_name(logical_id)}"

    def _resource(self, name: str) -> Json:
        try:
            return self._resources[name]
        except KeyError:
            raise TemplateError(f"The template names {name}, and has no such thing.") from None


def _parameter(name: str, told: Json, given: Mapping[str, str]) -> Any:
    if name not in given:
        if "Default" not in told:
            raise TemplateError(f"The template's parameter {name} has no default; give it a value.")
        return told["Default"]
    allowed = [str(each) for each in told.get("AllowedValues", ())]
    if allowed and given[name] not in allowed:
        raise TemplateError(f"The template's parameter {name} is one of {', '.join(allowed)}.")
    return given[name]
