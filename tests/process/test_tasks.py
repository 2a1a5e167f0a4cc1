"""The questions of docs/tasks.md, asked through the SDK's client and held against the connector."""

from pathlib import Path

import pytest

from bench.tasks.run import QUESTIONS, play

pytestmark = [pytest.mark.process, pytest.mark.statements]

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"


@pytest.mark.timeout(180)
def test_every_question_is_answered_right() -> None:
    """And by few calls: what the plans of the page cost cannot grow unseen."""
    outcomes, _ = play()
    assert [f"{one.question}: {one.fault}" for one in outcomes if one.fault] == []
    assert len(outcomes) == len(QUESTIONS)
    assert sum(len(one.tools) for one in outcomes) < 3 * len(outcomes)
    assert sum(one.tokens for one in outcomes) < 500 * len(outcomes)


def test_the_page_is_of_these_questions() -> None:
    """Each with its row, and every answer right."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    page = [row[1].strip() for row in rows if row[-2].strip() == "yes"]
    assert page == [question.text for question in QUESTIONS]
