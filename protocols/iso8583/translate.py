"""A message as a request: which kind it is, whose money, which card, under which key.

Owns `compile_to_request`, which turns one profile into one closure; the words it is made of are in mapping.py, keys.py and
codes.py, its fast way in request_plan.py, the way back in replies.py. It must never know a link, a codec or the core. The
traps: class and function of the MTI decide what the desk does, the processing code only what it is called; an advice says that
it happened, so whatever the policy of its kind, it is repeated until answered and never undone; and an issuer's 0422 is a
chargeback, not a reversal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from protocols.iso8583.dates import day_of
from protocols.iso8583.keys import compile_identity, compile_original_key, fingerprint_text, original_element
from protocols.iso8583.mapping import (
    BadValue,
    Currencies,
    card_of,
    compile_accounts,
    compile_amount,
    compile_business_date,
    compile_extra,
)
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.mti import REPEATS
from protocols.iso8583.mti import message_class as class_of_desk
from protocols.iso8583.plan_cache import PLAN_AFTER_COUNT, PlanCache
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.request_plan import RequestPlan, Row, compile_request
from protocols.vocabulary import DoubtPolicy, MessageClass, Money, Received, Refusal, Request, Secret

IsoFields: TypeAlias = dict[int, str | bytes]
Shape: TypeAlias = tuple[str, str | bytes | None, tuple[int, ...]]  # MTI, processing code, elements
ToRequest: TypeAlias = Callable[[IsoMessage, Received], Request | Refusal]

PARTIAL_FUNCTIONS = frozenset({"401"})  # DE 24 of 1993 and 2003


def compile_rows(profile: Iso8583Profile) -> dict[str, Row]:
    """MTI class digit and processing code, as in "201" -> Row. Class 1 has rows of its own only where the profile says so."""
    rules = profile.all_kinds()
    table = profile.all_processing_codes()
    rows: dict[str, Row] = {}
    for mti_class in "12":
        for code, kind in table.items():
            own = f"{mti_class}:{code}"
            if len(code) == 2 or code.startswith(f"{mti_class}:"):
                kind = table.get(own, kind)
                rule = rules[kind]
                rows[mti_class + code[-2:]] = Row(kind, rule.doubt, rule.amount, rule.completion)
    return rows


def compile_to_request(profile: Iso8583Profile, *, plan_after_count: int = PLAN_AFTER_COUNT) -> ToRequest:
    """The closure (message, received) -> Request, or the Refusal that says why there is none.

    Two ways lead through it, as through the codec: the precise one, and a plan for the shapes that come often, which gives up
    whenever anything is unusual. `plan_after_count` is how often a shape is seen before a plan is compiled for it.
    """
    rows = compile_rows(profile)
    currencies = Currencies(profile.currency_exponents)
    precisely = _compile_precise_way(profile, rows, currencies)
    plans: PlanCache[Shape, RequestPlan] = PlanCache(plan_after_count)
    plan_of = plans.get

    def to_request(message: IsoMessage, received: Received) -> Request | Refusal:
        fields = message.fields
        shape = message.mti, fields.get(3), tuple(fields)
        plan = plan_of(shape)
        if plan is not None:
            request = plan(fields, received)
            if request is not None:
                return request
        answer = precisely(message, received)
        if plan is None and isinstance(answer, Request) and plans.is_due(shape):
            made = compile_request(profile, rows, currencies, message.mti, fields)
            if made is not None:
                plans.keep(shape, made)
        return answer

    return to_request


def _compile_precise_way(profile: Iso8583Profile, rows: Mapping[str, Row], currencies: Currencies) -> ToRequest:
    rules = profile.all_kinds()
    amount_of = compile_amount(profile, currencies)
    identity_of = compile_identity(profile)
    original_key_of = compile_original_key(profile)
    accounts_of = compile_accounts(profile)
    extra_of = compile_extra(profile)
    business_date_of = compile_business_date(profile)
    standing_of = _compile_standing(profile, currencies)
    digit = profile.version_digit
    element_of_original = original_element(profile)
    reversal_row = Row("reversal", DoubtPolicy.REPEAT, rules["reversal"].amount, False)
    reconciliation_row = Row("reconciliation", DoubtPolicy.REPEAT, rules["reconciliation"].amount, False)

    def precisely(message: IsoMessage, received: Received) -> Request | Refusal:
        mti = message.mti
        fields = message.fields
        message_class = class_of_desk(mti)
        if message_class is None or mti[0] != digit:
            return Refusal.UNSUPPORTED
        day = day_of(received.wall_ms)
        code = fields.get(3, "")
        if not isinstance(code, str):
            return Refusal.FORMAT_ERROR
        row: Row | None
        if message_class is MessageClass.REVERSAL:
            row = reversal_row
        elif mti[1] == "5":
            row = reconciliation_row
        elif not code:
            return Refusal.FORMAT_ERROR
        else:
            row = rows.get(mti[1] + code[:2])
            if row is None:
                return Refusal.UNSUPPORTED
        identity = identity_of(mti, fields, received.realm, day)
        if identity is None:
            return Refusal.FORMAT_ERROR
        key, terminal, acquirer = identity
        try:
            amount = None if row.amount == "none" else amount_of(fields)
            if amount is None and row.amount == "required":
                return Refusal.FORMAT_ERROR
            card = card_of(fields)
            business_date = business_date_of(fields, day)
            original_key = None
            standing_minor = None
            if message_class is MessageClass.REVERSAL:
                original_key = original_key_of(mti, fields, received.realm, day)
                if original_key is None:
                    return Refusal.FORMAT_ERROR
                standing_minor = standing_of(fields, amount)
            elif message_class is MessageClass.ADVICE and element_of_original in fields:
                original_key = original_key_of(mti, fields, received.realm, day)
                if original_key is None:
                    return Refusal.FORMAT_ERROR
        except BadValue:
            return Refusal.FORMAT_ERROR
        extra = extra_of(fields)
        from_account, to_account = accounts_of(code, fields, extra)
        pan = "" if card is None or card.pan is None else card.pan.reveal()
        if pan:  # some hosts repeat the PAN as the account: it is kept encrypted, once
            from_account = None if from_account == pan else from_account
            to_account = None if to_account == pan else to_account
        kind = row.kind
        financial = message_class is MessageClass.FINANCIAL
        return Request(
            key=key,
            message_class=message_class,
            kind=kind,
            doubt_policy=row.policy if financial else DoubtPolicy.REPEAT,
            channel=received.channel,
            realm=received.realm,
            terminal=terminal,
            acquirer=acquirer,
            fingerprint_text=_fingerprint(kind, amount, pan, from_account, to_account, original_key, standing_minor),
            trace=str(fields[11]),
            business_date=business_date,
            amount=amount,
            card=card,
            from_account=from_account,
            to_account=to_account,
            original_key=original_key,
            standing_minor=standing_minor,
            repeat=mti[3] in REPEATS,
            needs_completion=row.completion and financial,
            extra=extra,
        )

    return precisely


def _fingerprint(
    kind: str,
    amount: Money | None,
    pan: str,
    from_account: str | None,
    to_account: str | None,
    original_key: str | None,
    standing_minor: int | None,
) -> Secret:
    """Amount, account and kind, canonical: the PAN is the same from DE 2 and from a track with "=" or "D"."""
    money = "" if amount is None else f"{amount.minor}{amount.currency}"
    standing = "" if standing_minor is None else str(standing_minor)
    return Secret(fingerprint_text(kind, money, (pan, from_account or "", to_account or "", original_key or "", standing)))


def _compile_standing(profile: Iso8583Profile, currencies: Currencies) -> Callable[[IsoFields, Money | None], int]:
    """(fields of a reversal, its DE 4) -> the absolute amount that stands, 0 for a full reversal. Raises BadValue."""
    default = profile.currency_default

    def replacement(fields: IsoFields, amount: Money | None) -> int:
        value = fields.get(95)  # its fees are not read: many senders fill them with zeros where the standard wants C or D
        if value is None:
            return 0
        code = fields.get(49, default)
        if not isinstance(value, str) or not isinstance(code, str):
            raise BadValue("DE 95: digits")
        if not value[:12].strip("0"):
            return 0
        standing = currencies.money(value[:12], code).minor
        if amount is not None and standing > amount.minor:
            raise BadValue("DE 95: no more than DE 4")
        return standing

    def by_function(fields: IsoFields, amount: Money | None) -> int:
        if fields.get(24) not in PARTIAL_FUNCTIONS:
            return 0
        original = fields.get(30)
        if profile.partial_reversal == "refuse" or amount is None:
            raise BadValue("DE 24: 400; what a partial reversal's DE 4 means is not configured")
        if profile.partial_reversal == "amount-stands":
            return amount.minor
        code = fields.get(49, default)
        if not isinstance(original, str) or not isinstance(code, str):
            raise BadValue("DE 30: the original amount")
        if profile.version == "2003":
            whole = currencies.money_with_exponent(original[:16])
        else:
            whole = currencies.money(original[:12], code)
        if amount.minor > whole.minor or amount.currency != whole.currency:
            raise BadValue("DE 30: no less than DE 4, in its currency")
        return whole.minor - amount.minor

    return replacement if profile.version == "1987" else by_function
