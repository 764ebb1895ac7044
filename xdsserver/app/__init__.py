"""The composition root: the only package that knows every part, and puts them together into a run.

One module per way to run; each brings a source of objects to the control plane that all have in common. What belongs
here is who is connected with whom, and in which order they start and stop. What they do is elsewhere.
"""

from xdsserver.app.plane import ControlPlane, Hooks
from xdsserver.app.saved import ServeSaved
from xdsserver.app.standalone import Standalone

__all__ = ["ControlPlane", "Hooks", "ServeSaved", "Standalone"]
