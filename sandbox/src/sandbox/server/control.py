"""The routes below ``/_sandbox/``: what the sandbox offers besides AWS's API, for its command line and for tests.

========================= ==================================================================
GET  /health              the process and its account
GET  /decisions           every authorisation decision so far
GET  /events              the published events, oldest first
GET  /listeners           the load balancers' listeners, each with its local address, and hosts' first labels that do
GET  /undelivered         events that matched a rule and did not reach its target, once all were tried
GET  /slack               what was posted to Slack, and whether anything is on its way; both once all were tried
GET  /commits             what GitHub or GitLab was told, and whether anything is on its way
POST /slack               ``{"failure_mode": "ok", "down", "rate_limited" or "gone"}``: how Slack answers from now on
POST /builds              ``{"quota": NUMBER or null}``: how many builds may run at once from now on
POST /fire                ``{"group": "default", "name": SCHEDULE}``: call what a schedule of Scheduler's is for, now
POST /scale               ``{"name": ACTION}``: a scheduled action of Application Auto Scaling is due now
POST /replay-event        ``{"id": ID or "last"}``: deliver an event a second time
POST /credentials         ``{"identity": NAME, "names": [NAME, …]}``: credentials to act as the user or role of one of
                          these names, or else as the only one whose name ends so; without a name as the root
POST /providers           the same: ports of Pulumi providers that call AWS as it, and those ``credentials``
POST /hold                ``{"operation": "ecs:UpdateService", "by": …, "mentions": …, "after": …}``
POST /held                ``{"hold": NUMBER}``: whether such a call is held now
POST /release             ``{"hold": NUMBER, "abort": false}``: let it go on, or end it with an error
========================= ==================================================================
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from sandbox import providers
from sandbox.account import breakpoints, identity
from sandbox.account.account import Account
from sandbox.account.credentials import ROOT_CREDENTIALS, Credentials
from sandbox.account.protocol import Answer, Environ
from sandbox.eventbridge.destinations import Destinations
from sandbox.receivers.slack import FAILURE_MODES, Slack

PREFIX = "/_sandbox/"

Json = dict[str, Any] | list[Any]
Routes = Mapping[str, Callable[[Account, dict[str, Any]], Json]]
"""Method and path → what answers it, from the account and the request's JSON."""


class Rejected(Exception):
    """A control request that cannot be answered; ``details`` are part of the answer."""

    def __init__(self, status: HTTPStatus, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": message, **details}


def answer(account: Account, environ: Environ, body: bytes, routes: Routes) -> Answer:
    """Answer a control request as JSON, by the routes of other parts or those here."""
    route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix(PREFIX).strip('/')}"
    try:
        return _json(
            HTTPStatus.OK, routes.get(route, functools.partial(_answer_builtin, route=route))(account, _parse(body))
        )
    except Rejected as error:
        return _json(error.status, error.body)


def _answer_builtin(account: Account, body: dict[str, Any], route: str) -> Json:
    match route:
        case "GET health":
            return {"pid": os.getpid(), "account": account.id, "region": account.region}
        case "GET decisions":
            return [decision.json() for decision in list(account.decisions)]
        case "GET events":
            return [dict(event) for event in account.bus.history]
        case "GET undelivered":
            account.bus.wait()
            return [undelivered.json() for undelivered in list(account.undelivered)]
        case "GET slack":
            account.bus.wait()
            channel, idle = account.parts.of(Slack), account.parts.of(Destinations).idle()
            return {"posted": list(channel.posted), "failure_mode": channel.failure_mode, "idle": idle}
        case "POST slack":
            return _set_failure_mode(account, str(body.get("failure_mode", "ok")))
        case "POST replay-event":
            return _replay(account, str(body.get("id", "last")))
        case "POST credentials":
            return _credentials(account, body.get("identity"), body.get("names", []))
        case "POST providers":
            return _providers(account, str(body["identity"]), body.get("names", []))
        case "POST hold":
            return {"hold": account.breakpoints.add(breakpoints.parsed(body))}
        case "POST held":
            return {"held": account.breakpoints.reached(int(body["hold"]))}
        case "POST release":
            return {"held": account.breakpoints.release(int(body["hold"]), bool(body.get("abort", False)))}
    raise Rejected(HTTPStatus.NOT_FOUND, f"the sandbox has no {route}")


def _replay(account: Account, event_id: str) -> Json:
    event = account.bus.replay(event_id)
    if event is None:
        raise Rejected(HTTPStatus.NOT_FOUND, f"there is no event {event_id}")
    return event


def _set_failure_mode(account: Account, failure_mode: str) -> Json:
    mode = next((each for each in FAILURE_MODES if each == failure_mode), None)
    if mode is None:
        allowed = ", ".join(FAILURE_MODES)
        raise Rejected(HTTPStatus.BAD_REQUEST, f"Slack's failure mode is one of {allowed}, not {failure_mode!r}")
    account.parts.of(Slack).failure_mode = mode
    return {"failure_mode": mode}


def _credentials(account: Account, name: str | None, exact_names: Sequence[str]) -> dict[str, Any]:
    if name is None:
        return asdict(ROOT_CREDENTIALS)
    kind, exact = find_identity(name, exact_names, identity.names(account))
    if kind == "user":
        return asdict(identity.user_credentials(account, exact))
    session = identity.open_session(account, identity.role_arn(account, exact), "sandbox-env")
    return asdict(identity.session_credentials(session))


def _providers(account: Account, name: str, exact_names: Sequence[str]) -> Json:
    credentials = _credentials(account, name, exact_names)
    client = account.sign_in(Credentials(**credentials))
    ports = providers.serve(client, account.client, account.sign_in, account.id, account.region)
    return {"credentials": credentials, **ports._asdict()}


def find_identity(name: str, exact_names: Sequence[str], identities: dict[str, list[str]]) -> tuple[str, str]:
    """The user or role of that name, of the first of the exact names, or the only one that ends in the name."""
    everyone = [(kind, candidate) for kind, names in identities.items() for candidate in names]
    for exact_name in (name, *exact_names):
        matches = [(kind, candidate) for kind, candidate in everyone if candidate == exact_name]
        if matches:
            return matches[0]
    matches = [(kind, candidate) for kind, candidate in everyone if candidate.endswith(name)]
    if len(matches) == 1:
        return matches[0]
    problem = f"several identities end in {name!r}" if matches else f"there is no user or role {name!r}"
    raise Rejected(HTTPStatus.NOT_FOUND, problem, identities=identities)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError as error:
        raise Rejected(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Rejected(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    return parsed


def _json(status: HTTPStatus, body: Json) -> Answer:
    return Answer(int(status), [("Content-Type", "application/json")], json.dumps(body, default=str).encode())
