"""Judge whether a score can be trusted.

The package is also the function `fxkit.audit`: `import fxkit.audit.page` sets the name `audit` of `fxkit` to this
module, so the module can be called. `fxkit.audit.audit_any.audit` describes the arguments.
"""

import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxkit.audit.result import Audit


class _CallablePackage(ModuleType):
    """A module that is called as the function `audit`."""

    def __call__(self, *args: Any, **options: Any) -> "Audit":
        from fxkit.audit.audit_any import audit

        return audit(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        from fxkit.audit.audit_any import audit

        return inspect.signature(audit)


sys.modules[__name__].__class__ = _CallablePackage
