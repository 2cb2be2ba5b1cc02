"""The form of a deed, and how it went: what will happen, what it is about, why, and a word that it is meant.

Owns its look. Pure. It must never do it. The trap: somebody is tired; so the form says in a sentence what the deed does to
money, and a grave one wants its own name ticked before the button does anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.console.deeds import WHY_CHARS_MAX, WHY_CHARS_MIN, Deed, Field
from relay.console.html import Child, Html, h, join
from relay.console.pages.layout import Frame, page, tag, text_field


def deed_form(frame: Frame, deed: Deed, form: str, given: Mapping[str, tuple[str, ...]], problem: str = "") -> Html:
    """`form` is this form's number, good for one time; `given` what was filled in, or asked for by the link."""
    t = frame.words
    name = t(f"deed.{deed.name}")
    return page(
        frame,
        name,
        h(
            "form",
            h("p", t(f"deed.{deed.name}.what"), class_="grave" if deed.is_grave else "what"),
            h("p", problem, class_="wrong", role="alert", lang="en") if problem else None,
            h("input", type="hidden", name="csrf", value=frame.csrf),
            h("input", type="hidden", name="form", value=form),
            [_field(frame, field, given.get(field.name, ())) for field in deed.fields],
            h(
                "label",
                h("span", t("deed.why")),
                h(
                    "textarea",
                    *given.get("why", ())[:1],
                    name="why",
                    rows=3,
                    required=True,
                    minlength=WHY_CHARS_MIN,
                    maxlength=WHY_CHARS_MAX,
                    autofocus=True,
                ),
                h("small", t("deed.why.note", who=frame.person.name if frame.person else ""), class_="quiet"),
            ),
            h(
                "label",
                h("input", type="checkbox", name="sure", value="yes", required=True),
                h("span", t("deed.sure", deed=name)),
                class_="tick",
            )
            if deed.is_grave
            else None,
            h(
                "p",
                h("button", name, type="submit", class_="grave" if deed.is_grave else "main"),
                h("a", t("deed.leave"), href=deed.back, class_="button"),
                class_="deeds",
            ),
            method="post",
            action=f"/deed/{deed.name}",
            class_="deed",
        ),
    )


def _field(frame: Frame, field: Field, values: tuple[str, ...]) -> Child:
    t = frame.words
    label, first = t(f"field.{field.name}"), values[0] if values else ""
    if field.is_fixed:
        shown = h("p", h("span", label), h("b", first), class_="fixed")
        return join(shown, h("input", type="hidden", name=field.name, value=first))
    if field.kind == "flag":
        box = h("input", type="checkbox", name=field.name, value="yes", checked=first == "yes")
        return h("label", box, h("span", label), class_="tick")
    if field.kind in ("classes", "choice"):
        kind = "checkbox" if field.kind == "classes" else "radio"
        boxes = [
            h(
                "label",
                h("input", type=kind, name=field.name, value=choice, checked=choice in values, required=kind == "radio"),
                h("span", t.maybe(f"channel.{choice}", t.maybe(f"outbound.{choice}", choice))),
                class_="tick",
            )
            for choice in field.choices
        ]
        return h("fieldset", h("legend", label), boxes)
    return text_field(field.name, label, first, "date" if field.kind == "date" else "text")


def deed_done(frame: Frame, deed: Deed, said: str, next_step: str, *, is_done: bool) -> Html:
    """What the relay answered, in its own words."""
    t = frame.words
    return page(
        frame,
        t(f"deed.{deed.name}"),
        h(
            "div",
            h("p", tag(t("result.done"), "good") if is_done else tag(t("result.refused"), "bad")),
            h("p", said, lang="en", class_="said"),
            h("p", next_step, lang="en", class_="quiet") if next_step else None,
            h("p", h("a", t("back"), href=deed.back, class_="button main"), class_="deeds"),
            class_="outcome",
            role="status",
        ),
    )
