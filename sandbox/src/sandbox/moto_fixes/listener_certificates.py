"""Certificates beside a listener's own stay when the listener is changed, and one is there once.

moto forgets them, and has one as often as it was added
(https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddListenerCertificates.html; ModifyListener's
`Certificates` is the default one).
"""

from __future__ import annotations

from typing import Any

from moto.elbv2.models import ELBv2Backend

_add = ELBv2Backend.add_listener_certificates
_modify = ELBv2Backend.modify_listener


def apply() -> None:
    """Have moto keep them."""
    ELBv2Backend.add_listener_certificates = _added  # type: ignore[method-assign]
    ELBv2Backend.modify_listener = _modified  # type: ignore[method-assign]


def _listener(self: ELBv2Backend, arn: str) -> Any:
    (listener,) = self.describe_listeners(load_balancer_arn=None, listener_arns=[arn])
    return listener


def _added(self: ELBv2Backend, arn: str, certificates: list[dict[str, Any]]) -> Any:
    there = set(_listener(self, arn).certificates[1:])
    return _add(self, arn, [each for each in certificates if each["CertificateArn"] not in there])


def _modified(self: ELBv2Backend, arn: str, *args: Any, **kwargs: Any) -> Any:
    added = _listener(self, arn).certificates[1:]
    listener = _modify(self, arn, *args, **kwargs)
    listener.certificates = [*listener.certificates[:1], *added]
    return listener
