"""question.ask: an agent asks a person. The answer is an edit of the payload, approving it gives it back."""

from __future__ import annotations

from typing import Annotated, Any, Self

from jsonschema import Draft202012Validator, SchemaError
from pydantic import ConfigDict, Field, model_validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from agents.effects import EffectContext, NotDone
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk


class Question(Strict):
    """A choice has `options`, a form has a JSON Schema, anything else is answered in free text."""

    model_config = ConfigDict(populate_by_name=True)

    prompt: Annotated[str, Field(min_length=1, max_length=4_000)]
    options: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=200)]],
            Field(min_length=1, max_length=50),
        ]
        | None
    ) = None
    form: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    answer: Any = None

    @model_validator(mode="after")
    def _answer_fits(self) -> Self:
        if self.form is not None:
            self._check_form()
        if self.answer is None:
            return self
        if self.options is not None and self.answer not in self.options:
            raise ValueError("the answer must be one of the options")
        if self.options is None and self.form is None and not isinstance(self.answer, str):
            raise ValueError("the answer must be text")
        return self

    def _check_form(self) -> None:
        """The form is a JSON Schema that needs no other document, and the answer fits it."""
        try:
            Draft202012Validator.check_schema(self.form or {})
            checker = Draft202012Validator(self.form or {}, registry=Registry())
            wrong = None if self.answer is None else next(checker.iter_errors(self.answer), None)
        except SchemaError as error:
            raise ValueError(f"the form is not a JSON Schema: {error.message[:200]}") from error
        except Unresolvable as error:
            raise ValueError("the form refers to another document") from error
        if wrong is not None:
            raise ValueError(f"the answer does not fit the form: {wrong.message[:200]}")


def execute(payload: Question, ctx: EffectContext) -> Any:
    if payload.answer is None:
        raise NotDone("it was approved without an answer")
    return payload.answer


QUESTION_ASK = register(
    ActionType(
        name="question.ask",
        label="Question of an agent",
        template="{prompt}",
        model=Question,
        risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE,
        effect_mode=EffectMode.IDEMPOTENT,
        queue="questions",
        question=True,
        self_edit=True,
        execute=execute,
    )
)
