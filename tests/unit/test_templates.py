"""Home Assistant's templates: what locks announce, and what a stranger may not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.mqtt import templates
from firmware_bridge.mqtt.templates import TemplateUnfit, compiled, rendered

NUKI = '{% if value in ("5","6","7") %}3{% else %}{{value}}{% endif %}'
BY_NUMBER = "{{ {2:'UNLOCKED',6:'LOCKED'}[value_json.state] }}"


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("{{ value_json.value }}", '{"value":true}', "True"),
        ("{{ value_json.value }}", '{"value":null}', "None"),
        ("{{ value_json.value }}", '{"value":255.0}', "255.0"),
        ("{{ value_json.value }}", "{}", ""),
        ("{{ value_json.value }}", "255", ""),
        ("{{ value_json.a.b }}", "{}", "{}"),
        ("{{ value_json.state }}", "online", "online"),
        ('{{ value_json["state"] }}', '{"state":"LOCK"}', "LOCK"),
        ("{{ value_json.output | lower }}", '{"output":true}', "true"),
        ("{{ 'LOCKED' if value_json.l else 'UNLOCKED' }}", '{"l":0}', "UNLOCKED"),
        ("{{ iif(value_json.l, 'LOCKED', 'UNLOCKED') }}", '{"l":1}', "LOCKED"),
        (NUKI, "6", "3"),
        (NUKI, "1", "1"),
        (BY_NUMBER, '{"state":6}', "LOCKED"),
        (BY_NUMBER, '{"state":9}', ""),
        ("{{ value.split(',')[0] }}", "4,2,0", "4"),
        ("{{ value_json.x | int + 1 }}", '{"x":"4"}', "5"),
        ("{{ value_json.x | bool }}", '{"x":"on"}', "True"),
        ("{{ value_json.x | default('y') }}", "{}", "y"),
        ("{{ value ~ '-' ~ (value ~ 1) }}", "a", "a-a1"),
        ("{% set x = value | upper %}{{ x }}", " a ", "A"),
        ("  LOCKED ", "x", "LOCKED"),
        ("{{ value_json.x | first }}", '{"x":[]}', None),
        ("{{ value_json.x + 1 }}", '{"x":"a"}', None),
    ],
)
def test_a_template_makes_of_a_state_what_home_assistant_makes(
    source: str, value: str, result: str | None
) -> None:
    assert rendered(source, value) == result


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in value %}a{% endfor %}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% filter upper %}a{% endfilter %}",
        "{% set x %}a{% endset %}",
        "{{ states('lock.x') }}",
        "{{ now() }}",
        "{{ lipsum() }}",
        "{{ cycler() }}",
        "{{ value.format(1) }}",
        "{{ value.__class__() }}",
        "{{ value|attr('x') }}",
        "{{ value|regex_replace('(a+)+$', 'b') }}",
        "{{ value|center(900000) }}",
        "{{ [value] * 9 }}",
        "{{ 'x' is foo }}",
        "{{ value | int(default=1, default=2) }}",
        "{{",
        "{{" + "(" * 900 + "1" + ")" * 900 + "}}",
        "{{ " + "not " * 400 + "1 }}",
        "{{ 1" + "+1" * 600 + " }}",
        "{{ value" + "|list|string" * 100 + " }}",
        "{% if 1 %}" * 80 + "x" + "{% endif %}" * 80,
        "x" * 3_000,
    ],
)
def test_a_template_that_could_cost_more_than_a_state_is_not_made(source: str) -> None:
    with pytest.raises(TemplateUnfit):
        compiled(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ value * 100000000 }}",
        "{{ '%900000000d' % 5 }}",
        "{{ 9**64**64**64 }}",
        "{{ value.replace('', 'y' * 1) }}",
        "{{ value.replace('x', value) }}",
        "{{ value|replace('x', value) }}",
        "{{ value" + "|list|string" * 20 + " }}",
        "{{ value" + "|list|lower" * 20 + " }}",
        "{% set a = value ~ value %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
        "{% set a = value + value %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
        "{{ (value|list)|join(value) }}",
        "{{ value }}" * 180,
        "{{ 5|round(-5000000) }}",
    ],
)
def test_nothing_grows_beyond_what_a_state_may_be(source: str) -> None:
    began = time.perf_counter()
    assert rendered(source, "x" * templates.LONGEST) is None
    assert time.perf_counter() - began < 1


def test_a_list_of_a_state_does_not_grow() -> None:
    doubled = "{% set a = value_json.l %}" + "{% set a = a + a %}" * 14
    state = '{"l":["' + "a" * 15_000 + '"]}'
    assert rendered(doubled + "{{ a }}" * 100, state) is None


def test_a_template_sees_nothing_of_python() -> None:
    for source in ("{{ value.__class__ }}", "{{ value_json.__init__ }}"):
        assert rendered(source, "{}") == ""


@given(
    st.text(alphabet="{}%() .|~'value_json[]0x+*", max_size=60), st.text(max_size=40)
)
def test_no_template_raises_but_its_own_refusal(source: str, value: str) -> None:
    try:
        compiled(source)
    except TemplateUnfit:
        return
    rendered(source, value)
