"""Namespaces of Cloud Map: one of a name, and none goes that has services.

https://docs.aws.amazon.com/cloud-map/latest/api/API_CreateHttpNamespace.html and API_DeleteNamespace.html
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.servicediscovery.models import ServiceDiscoveryBackend

_create = ServiceDiscoveryBackend.create_http_namespace
_delete = ServiceDiscoveryBackend.delete_namespace


def apply() -> None:
    """Have moto keep to it."""
    ServiceDiscoveryBackend.create_http_namespace = _create_once  # type: ignore[method-assign]
    ServiceDiscoveryBackend.delete_namespace = _delete_empty  # type: ignore[method-assign]


def _create_once(self: ServiceDiscoveryBackend, name: str, *args: Any, **kwargs: Any) -> str:
    if any(namespace.name == name for namespace in self.namespaces.values()):
        raise JsonRESTError("NamespaceAlreadyExists", f"Namespace with name {name} already exists")  # wording not seen
    return _create(self, name, *args, **kwargs)


def _delete_empty(self: ServiceDiscoveryBackend, namespace_id: str) -> str:
    """The words are those of anomalyco/sst#5931."""
    if any(service.namespace_id == namespace_id for service in self.services.values()):
        raise JsonRESTError(
            "ResourceInUse", "Namespace has associated services; delete the services before deleting the namespace"
        )
    return _delete(self, namespace_id)
