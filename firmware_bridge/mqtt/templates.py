"""Home Assistant's templates as locks announce them, evaluated within bounds.

What a device sends is a stranger's: no loop, no macro, no attribute of Python's, no
call but of a few named methods, no list but of constants; nothing grows beyond
`LONGEST`, so that a template costs at most a few passes over its input. What Home
Assistant answers of itself (`states`, `now`) is not there, nor are regular expressions,
whose time nobody can bound.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.environment import Template
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

SOURCE_MAX, LONGEST = 2_000, 16 * 1024
# A number of more digits is no lock's.
DIGITS_MAX = 300
POWER_MAX = 64
DEPTH_MAX = 50
PLACES_MAX = 20
ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Call,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.CondExpr,
    nodes.Assign,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.Concat,
)
METHODS = {
    "endswith",
    "get",
    "items",
    "keys",
    "lower",
    "lstrip",
    "replace",
    "rstrip",
    "split",
    "startswith",
    "strip",
    "upper",
    "values",
}
TESTS = {
    "!=", "<", "<=", "==", ">", ">=", "boolean", "defined", "eq", "equalto", "even",
    "false", "float", "ge", "gt", "in", "integer", "le", "lt", "mapping", "ne", "none",
    "number", "odd", "sequence", "string", "true", "undefined",
}  # fmt: skip


class TemplateUnfit(Exception):
    """A template that Lodge does not evaluate; the text says what it asks for."""


def _bounded(value: Any) -> Any:
    size = len(value) if isinstance(value, str | list | tuple | dict) else 0
    if size > LONGEST:
        raise TemplateUnfit("its result is too long")
    return value


def _add(left: Any, right: Any) -> Any:
    """Add numbers, or texts; lists would grow by what is in them."""
    for each in (left, right):
        if not isinstance(each, str | int | float):
            raise TemplateUnfit("it adds what is neither number nor text")
        _bounded(each)
    return _bounded(left + right)


def _numbers(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(left: Any, right: Any) -> Any:
        for each in (left, right):
            if not isinstance(each, int | float) or len(str(each)) > DIGITS_MAX:
                raise TemplateUnfit("it reckons with what is no number")
        return operate(left, right)

    return checked


def _power(left: Any, right: Any) -> Any:
    if abs(right) > POWER_MAX:
        raise TemplateUnfit("it reckons with numbers that are too large")
    return left**right


def _text(value: Any) -> str:
    return str(_bounded(str(_bounded(value))))


def _joined(parts: tuple[Any, ...]) -> str:
    """Join with `~`, as long as what comes of it is short enough."""
    return _join(parts)


def _replaced(text: Any, old: str, new: str = "", *more: Any) -> str:
    if more or not old:
        raise TemplateUnfit("it replaces what is not told")
    whole = _text(text)
    if len(new) * whole.count(old) > LONGEST:
        raise TemplateUnfit("its result is too long")
    return whole.replace(old, new)


def _join(values: Any, by: str = "") -> str:
    parts = [_text(each) for each in values]
    if sum(map(len, parts)) + len(by) * len(parts) > LONGEST:
        raise TemplateUnfit("its result is too long")
    return by.join(parts)


def _default(value: Any, other: Any = "", boolean: Any = False) -> Any:  # noqa: FBT002
    missing = isinstance(value, Undefined) or (boolean and not value)
    return other if missing else value


def _number(kind: type[float] | type[int]) -> Callable[..., Any]:
    """Home Assistant's `int` and `float`: an error without a default (2022.1)."""

    def converted(value: Any, default: Any = None) -> Any:
        try:
            return kind(float(value)) if kind is int else kind(value)
        except (ValueError, TypeError, OverflowError):
            if default is None:
                raise
            return default

    return converted


TRUE, FALSE = {"true", "1", "yes", "on", "enable"}, {"false", "0", "no", "off"}


def _bool(value: Any, default: Any = None) -> Any:
    """Home Assistant's `bool`: a word, a number, or the default."""
    if isinstance(value, bool | int | float):
        return bool(value)
    word = str(value).lower().strip()
    if word in TRUE or word in FALSE | {"disable"}:
        return word in TRUE
    if default is None:
        raise ValueError(word)
    return default


def _iif(value: Any, *told: Any) -> Any:
    """Home Assistant's immediate if: told what to say if so, if not, and of none."""
    said = told + (True, False, False)[len(told) :]
    return said[2 if value is None else 0 if value else 1]


def _word(value: Any) -> str:
    """Write a value as JSON does, but a text as it is: `true`, `255`, `ON`."""
    if isinstance(value, Undefined):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _rounded(value: float, digits: int = 0) -> float:
    if abs(digits) > PLACES_MAX:
        raise TemplateUnfit("it rounds to what is no digit")
    return round(value, digits)


def _is_number(value: Any) -> bool:
    try:
        return bool(float(value) == float(value))
    except (ValueError, TypeError):
        return False


def _defined(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise TemplateUnfit("it asks for what is not there")
    return value


GLOBALS: dict[str, Any] = {
    "bool": _bool,
    "float": _number(float),
    "iif": _iif,
    "int": _number(int),
    "is_number": _is_number,
}
FILTERS: dict[str, Callable[..., Any]] = {
    **GLOBALS,
    "_joined": _joined,
    "abs": abs,
    "capitalize": lambda value: _text(value).capitalize(),
    "count": len,
    "d": _default,
    "default": _default,
    "first": lambda value: _bounded(value)[0],
    "from_json": lambda value: json.loads(_text(value)),
    "is_defined": _defined,
    "join": _join,
    "last": lambda value: _bounded(value)[-1],
    "length": len,
    "list": lambda value: _bounded(list(value)),
    "lower": lambda value: _text(value).lower(),
    "replace": _replaced,
    "round": _rounded,
    "string": _text,
    "title": lambda value: _text(value).title(),
    "to_json": lambda value: _bounded(json.dumps(value)),
    "tojson": lambda value: _bounded(json.dumps(value)),
    "trim": lambda value: _text(value).strip(),
    "upper": lambda value: _text(value).upper(),
    "word": _word,
}
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _numbers(lambda left, right: left - right),
    "*": _numbers(lambda left, right: left * right),
    "/": _numbers(lambda left, right: left / right),
    "//": _numbers(lambda left, right: left // right),
    "%": _numbers(lambda left, right: left % right),
    "**": _numbers(_power),
}


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with everything that could grow held small."""

    intercepted_binops = frozenset(OPERATIONS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        del context
        return OPERATIONS[operator](left, right)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        del context
        if obj in GLOBALS.values():
            return obj(*args, **kwargs)
        name, whose = getattr(obj, "__name__", ""), getattr(obj, "__self__", None)
        if name not in METHODS or not isinstance(whose, str | dict):
            raise TemplateUnfit(f"it calls {name or 'something'}")
        return _replaced(whose, *args) if name == "replace" else obj(*args, **kwargs)


def _environment() -> _Environment:
    environment = _Environment(autoescape=False)
    environment.filters = dict(FILTERS)
    environment.tests = {each: environment.tests[each] for each in TESTS}
    environment.globals = dict(GLOBALS)
    return environment


ENVIRONMENT = _environment()
# What a template does wrong with a value that it did not expect.
WRONG = (
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    MemoryError,
)
DEEP = "it is nested too deeply, or means nothing"
# What Python says of what Jinja made of a template.
UNMADE = (
    SyntaxError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


@lru_cache(maxsize=1_000)
def compiled(source: str) -> Template:
    """Make a template; raise TemplateUnfit where it asks for what is not done here."""
    if len(source) > SOURCE_MAX:
        raise TemplateUnfit("it is too long")
    try:
        tree = ENVIRONMENT.parse(source)
        _looked_through(tree)
        return Template.from_code(
            ENVIRONMENT, ENVIRONMENT.compile(_without_concat(tree)), ENVIRONMENT.globals
        )
    except TemplateSyntaxError as error:
        raise TemplateUnfit(f"it cannot be read: {error.message}") from error
    except UNMADE as error:
        raise TemplateUnfit(DEEP) from error


def rendered(source: str, value: str, **names: str) -> str | None:
    """Return what a template makes of a value; None where it makes nothing of it.

    As Home Assistant does: `value_json` is there where the value is JSON; where that
    or a part of it is missing, the value stands as it came.
    """
    told: dict[str, Any] = {"value": value, **names}
    with suppress(ValueError, RecursionError):
        told["value_json"] = json.loads(value)
    try:
        return str(_bounded(compiled(source).render(told))).strip()
    except TemplateUnfit:
        return None
    except TemplateError:
        return value
    except WRONG:
        return None


def _looked_through(tree: nodes.Template) -> None:
    level: list[nodes.Node] = [tree]
    depth = 0
    while level:
        level = [child for node in level for child in node.iter_child_nodes()]
        for each in level:
            _allowed(each)
        depth += 1
        if depth > DEPTH_MAX:
            raise TemplateUnfit(DEEP)


def _allowed(node: nodes.Node) -> None:
    match node:
        case nodes.Filter(name=name) if name not in FILTERS:
            raise TemplateUnfit(f"it uses the filter {name}")
        case nodes.Test(name=name) if name not in TESTS:
            raise TemplateUnfit(f"it uses the test {name}")
        case nodes.Call(node=called):
            _callable(called)
        case nodes.Dict() | nodes.List() | nodes.Tuple():
            _constants(node)
        case nodes.Expr() | nodes.Stmt() if not isinstance(node, ALLOWED):
            raise TemplateUnfit(f"it uses {type(node).__name__.lower()}")


def _callable(called: nodes.Expr) -> None:
    match called:
        case nodes.Name(name=name) if name in GLOBALS:
            return
        case nodes.Getattr(attr=name) if name in METHODS:
            return
    name = getattr(called, "name", getattr(called, "attr", "something"))
    raise TemplateUnfit(f"it calls {name}")


def _constants(literal: nodes.Literal) -> None:
    """See that a list holds what is written there, so that none grows out of lists."""
    known = nodes.Const | nodes.Pair | nodes.UnaryExpr
    if not all(isinstance(each, known) for each in literal.find_all(nodes.Expr)):
        raise TemplateUnfit("it makes a list of what was told")


def _without_concat(tree: nodes.Template) -> nodes.Template:
    """Have `~` done by a filter that knows its bounds."""
    for each in list(tree.find_all(nodes.Node)):
        for name, child in list(each.iter_fields()):
            if isinstance(child, nodes.Concat):
                setattr(each, name, _as_filter(child))
            elif isinstance(child, list):
                child[:] = [
                    _as_filter(item) if isinstance(item, nodes.Concat) else item
                    for item in child
                ]
    tree.set_environment(ENVIRONMENT)
    return tree


def _as_filter(joined: nodes.Concat) -> nodes.Filter:
    parts = nodes.Tuple(joined.nodes, "load", lineno=joined.lineno)
    return nodes.Filter(parts, "_joined", [], [], None, None, lineno=joined.lineno)
