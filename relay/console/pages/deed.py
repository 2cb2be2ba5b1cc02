"""The form of a deed, and how it went: what will happen, what it is about, why, and a word that it is meant.

Owns its look. Pure. It must never do it. The trap: somebody is tired; so the form says in a sentence what the deed does to
money, and a grave one wants its own name ticked before the button does anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.console.deedkinds import Deed, Field
from relay.console.deeds import WHY_CHARS_MAX, WHY_CHARS_MIN
from relay.console.html import Child, Html, h, join
from relay.console.pages.failover_deed import Offer
from relay.console.pages.layout import Frame, choices, page, tag, text_field
from relay.console.roomdeeds import PROOF
from relay.telemetry.mask import mask_text


def deed_form(
    frame: Frame,
    deed: Deed,
    form: str,
    given: Mapping[str, tuple[str, ...]],
    problem: str = "",
    offer: Offer | None = None,
) -> Html:
    """`form` is this form's number, good for one time; `given` what was filled in, or asked for by the link; `offer` what a
    deed of the failover room shows and has to choose from."""
    t = frame.words
    name = t(f"deed.{deed.name}")
    offer = Offer() if offer is None else offer
    secrets = [field for field in deed.fields if field.kind == "secret"]
    return page(
        frame,
        name,
        h(
            "form",
            h("p", t(f"deed.{deed.name}.what"), class_="grave" if deed.is_grave else "what"),
            h("p", problem, class_="wrong", role="alert") if problem else None,
            h("input", type="hidden", name="csrf", value=frame.csrf),
            h("input", type="hidden", name="form", value=form),
            h("div", offer.shown, class_="ground") if offer.shown else None,
            [_field(frame, field, given, offer) for field in deed.fields if field not in secrets],
            h(
                "label",
                h("span", t("deed.why") if deed.why_as == "why" else t(f"deed.{deed.why_as}")),
                h(
                    "textarea",
                    *given.get("why", ())[:1],
                    name="why",
                    rows=3,
                    required=True,
                    minlength=WHY_CHARS_MIN,
                    maxlength=WHY_CHARS_MAX,
                    autofocus=not offer.shown,  # it would scroll past what has to be read
                ),
                h("small", t("deed.why.note", who=frame.person.name if frame.person else ""), class_="quiet"),
            )
            if deed.why_as
            else None,
            h(
                "label",
                h("input", type="checkbox", name="sure", value="yes", required=True),
                h("span", t("deed.sure", deed=name)),
                class_="tick",
            )
            if deed.is_grave
            else None,
            [_secret(frame, field) for field in secrets],
            h(
                "p",
                h("button", name, type="submit", class_="grave" if deed.is_grave else "main"),
                h("a", t("deed.leave"), href=deed.back, class_="button"),
                class_="deeds",
            ),
            method="post",
            action=f"/deed/{deed.name}",
            class_="deed wide" if offer.shown else "deed",
        ),
    )


def _secret(frame: Frame, field: Field) -> Html:
    """Empty each time that it is shown."""
    t, is_code = frame.words, field == PROOF
    return h(
        "label",
        h("span", t(f"field.{field.name}")),
        h(
            "input",
            type="text" if is_code else "password",
            name=field.name,
            required=True,
            autocomplete="one-time-code" if is_code else "off",
            inputmode="numeric" if is_code else None,
            maxlength=7 if is_code else 200,
            spellcheck="false",
            class_="code" if is_code else None,
        ),
        h("small", t("deed.proof.note") if is_code else t("deed.code.note"), class_="quiet"),
    )


def _field(frame: Frame, field: Field, given: Mapping[str, tuple[str, ...]], offer: Offer) -> Child:
    t, values = frame.words, given.get(field.name, ())
    label, first = t(f"field.{field.name}"), values[0] if values else ""
    if field.is_fixed:
        shown = h("p", h("span", label), h("b", first), class_="fixed")
        is_shown = field.name == "seen" or not offer.shown  # the rest stands above already
        return join(shown if is_shown else None, h("input", type="hidden", name=field.name, value=first))
    if field.kind == "typed":
        run = given.get("run", ("",))[0]
        return join(h("p", t("deed.type", run=run), class_="grave"), text_field(field.name, label, "", required=True))
    if field.kind == "lines":
        return _lines(frame, given, offer)
    if field.kind == "known":
        options = offer.known.get(field.name, ())
        if field.name == "second":
            return choices(field.name, label, options, first)
        return h("fieldset", h("legend", label), [_choice(field.name, value, said, first) for value, said in options])
    if field.kind == "flag":
        box = h("input", type="checkbox", name=field.name, value="yes", checked=first == "yes")
        return h("label", box, h("span", label), class_="tick")
    if field.kind in ("classes", "choice"):
        kind = "checkbox" if field.kind == "classes" else "radio"
        boxes = [
            h(
                "label",
                h("input", type=kind, name=field.name, value=choice, checked=choice in values, required=kind == "radio"),
                h("span", _named(frame, choice)),
                class_="tick",
            )
            for choice in field.choices
        ]
        return h("fieldset", h("legend", label), boxes)
    return text_field(field.name, label, first, "date" if field.kind == "date" else "text")


def _choice(name: str, value: str, said: str, chosen: str) -> Html:
    box = h("input", type="radio", name=name, value=value, checked=value == chosen, required=True)
    return h("label", box, h("span", said), class_="tick")


def _lines(frame: Frame, given: Mapping[str, tuple[str, ...]], offer: Offer) -> Html:
    """A field for each open line of a checklist; those that stay empty are not ticked."""
    rows = [
        h(
            "label",
            h("span", f"{number}. ", h("b", mask_text(text), lang="en")),
            h("input", type="text", name=f"saw-{number}", value=given.get(f"saw-{number}", ("",))[0], maxlength=1_000),
        )
        for number, text in offer.lines
    ]
    return h("fieldset", h("legend", frame.words("field.lines")), rows, class_="lines")


def deed_done(frame: Frame, deed: Deed, said: str, next_step: str, *, is_done: bool, is_half: bool = False) -> Html:
    """What the relay answered, in its own words."""
    t = frame.words
    return page(
        frame,
        t(f"deed.{deed.name}"),
        h(
            "div",
            h("p", _result(frame, is_done, is_half)),
            h("p", said, lang="en", class_="said"),
            h("p", next_step, lang="en", class_="quiet") if next_step else None,
            h("p", h("a", t("back"), href=deed.back, class_="button main"), class_="deeds"),
            class_="outcome",
            role="status",
        ),
    )


def _result(frame: Frame, is_done: bool, is_half: bool) -> Html:
    t = frame.words
    if not is_done:
        return tag(t("result.refused"), "bad")
    return tag(t("result.half"), "warn") if is_half else tag(t("result.done"), "good")


def _named(frame: Frame, choice: str) -> str:
    t = frame.words
    return t.maybe(f"channel.{choice}", t.maybe(f"outbound.{choice}", t.maybe(f"topic.{choice}", choice)))
