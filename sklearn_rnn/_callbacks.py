"""scikit-learn's callbacks, where the installed version has them."""

try:  # scikit-learn >= 1.9, experimental
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        return method


class EpochCallbacks:
    """scikit-learn's callback protocol (>= 1.9) around the epochs of one fit; does nothing without it."""

    def __init__(self, estimator, X, y, max_iter):
        self.given = {"estimator": estimator, "X": X, "y": y}
        self.root = self.current = None
        if hasattr(estimator, "_init_callback_context"):
            self.root = estimator._init_callback_context(max_subtasks=max_iter)
            self.root.call_on_fit_task_begin(**self.given)

    def begin(self):
        if self.root is not None and self.current is None:
            self.current = self.root.subcontext(task_name="epoch")
            self.current.call_on_fit_task_begin(**self.given)

    def end(self, theta) -> bool:
        """True if a callback asks to stop."""
        if self.root is None:
            return False
        self.begin()  # L-BFGS does not announce its iterations
        current, self.current = self.current, None
        return current.call_on_fit_task_end(**self.given, reconstruction_attributes=lambda: {"_theta": theta.copy()})

    def close(self):
        if self.root is not None:
            if self.current is not None:
                self.current.call_on_fit_task_end(estimator=self.given["estimator"])
            self.root.call_on_fit_task_end(**self.given, reconstruction_attributes={})
