"""The lesson, topic by topic; the output of its examples is computed when they are shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from convcli.errors import PlanError
from convcli.explain.explanation import explanation
from convcli.explain.lesson_topics import TOPICS, Example, Topic
from convcli.explain.settle import settle
from convcli.explain.text import Line, Lines, paragraph


def lesson_lines(number: int | None = None) -> Lines:
    """Return one topic, or contents and all topics. Raises PlanError for an unknown topic."""
    if number is None:
        lines = [Line("Convolution, and back", "title"), *_contents()]
        for k in range(1, len(TOPICS) + 1):
            lines += [Line(""), *_topic(k)]
        return lines
    if not 1 <= number <= len(TOPICS):
        raise PlanError(
            f"the lesson has no topic {number}: 1 to {len(TOPICS)} are "
            f"{', '.join(topic.title for topic in TOPICS)}"
        )
    lines = _topic(number)
    if number < len(TOPICS):
        lines += [
            Line(""),
            Line(f"  Next: convcli explain lesson {number + 1} ({TOPICS[number].title})"),
        ]
    return lines


def _contents() -> Lines:
    return [
        Line(f"  {k:>2}  {topic.title}  (convcli explain lesson {k})")
        for k, topic in enumerate(TOPICS, 1)
    ]


def _topic(number: int) -> Lines:
    topic: Topic = TOPICS[number - 1]
    lines: Lines = [Line(f"{number}. {topic.title}", "title")]
    for part in topic.parts:
        lines.append(Line(""))
        if isinstance(part, Example):
            lines.append(Line(f"  $ {command(part.arguments)}", "result"))
            lines += _shown(part)
            while not lines[-1].text:
                lines.pop()
        else:
            lines += paragraph(part)
    return lines


def command(arguments: Mapping[str, Any]) -> str:
    """Return the command line of an example."""
    words = ["convcli", "explain"]
    for key, value in arguments.items():
        flag = f"--{key.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)


def _shown(example: Example) -> Iterator[Line]:
    """Yield the sections of the output that an example is about, indented."""
    arguments = dict(example.arguments)
    extras = {key: arguments.pop(key, False) for key in ("matrix", "gradients")}
    is_shown = True
    yield Line("")
    for line in explanation(settle(**arguments), **extras):
        if line.role in ("title", "heading"):
            is_shown = line.role == "title" or any(
                line.text.startswith(section) for section in example.sections
            )
        elif not line.text and not is_shown:
            continue
        if is_shown:
            yield Line(f"  {line.text}" if line.text else "", line.role)
