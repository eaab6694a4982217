"""Every rule of the pack."""

from pulumi_policy import Policy

import encryption
import exposure
import images
import logs
import permissions
import production
import tags

RULES: list[Policy] = [
    *exposure.RULES,
    *encryption.RULES,
    *logs.RULES,
    *permissions.RULES,
    *tags.RULES,
    *images.RULES,
    *production.RULES,
]
