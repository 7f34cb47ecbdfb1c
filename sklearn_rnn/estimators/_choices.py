"""What "auto" comes to: choices that follow from the shape of the data.

Measured by tests/benchmarks/classifier_settings.py, on data of 7 to 1,460 steps.
"""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..core._cells import CELLS
from ..core._optimizers import Schedule, optimizer_options
from ..core._training import Settings
from ._hyperparameters import Hyperparameters, layer_sizes

# Sequences of more steps than that are long: read in patches, by cells that remember more, in both directions. What a
# classifier looks for may stand anywhere; a regression is usually about what comes next, and the last steps say most.
LONG_TO_CLASSIFY, LONG_TO_REGRESS = 32, 128
# Steps of a patch: few, since wide ones learn by heart where in a patch something happened; but no more patches than
# can be trained on in a minute.
PATCH, MANY_PATCHES = 4, 256


def is_open(value: object) -> bool:
    """Whether a parameter leaves the choice to the estimator."""
    return isinstance(value, str) and value == "auto"


def chosen(p: Hyperparameters, usual_length: int, *, one_output: bool) -> dict:
    """The parts of the network that may be left open.

    Parameters
    ----------
    p : Hyperparameters
    usual_length : int
        Steps that sequences usually have.
    one_output : bool
        Whether the network is to say what a sequence is, as classifiers do, and not where it goes.
    """
    many_to_one = p.mapping == "many-to-one"
    whole = many_to_one and p.bptt_steps is None  # an answer is wanted once all is seen, and all may be kept until then
    is_long = whole and usual_length > (LONG_TO_CLASSIFY if one_output else LONG_TO_REGRESS)
    sees_all = whole and (one_output or is_long)
    cell = p.cell if p.cell != "auto" else "mingru" if is_long else "gru"
    sizes, bidirectional, patch_size, pooling = p.hidden_layer_sizes, p.bidirectional, p.patch_size, p.pooling
    if is_open(sizes):
        # units that do not hear of each other need a second layer to hear of anything at all
        sizes = (64,) if CELLS[cell].mixes_units else (64, 64)
    if is_open(bidirectional):
        bidirectional = sees_all
    if is_open(patch_size):
        patch_size = PATCH if is_long else 1
        while is_long and usual_length > patch_size * MANY_PATCHES:
            patch_size *= 2
    if is_open(pooling):
        pooling = "concat" if sees_all else "last"
    return {
        "hidden_layer_sizes": layer_sizes(sizes),
        "cell": cell,
        "bidirectional": bool(bidirectional),
        "patch_size": int(patch_size) if many_to_one else 1,
        "pooling": pooling if many_to_one else None,
    }


def choose_rate(learning_rate_init: float | str, cell: str) -> float:
    """The rate at which a cell learns well, where none is given."""
    return CELLS[cell].usual_rate if isinstance(learning_rate_init, str) else learning_rate_init


def choose_batch_size(batch_size: int | str, n_samples: int, *, one_output: bool) -> int:
    """Where none is given, 200, or of classifiers a tenth of the samples, but from 32 to 200."""
    wanted: int | str = batch_size
    if isinstance(wanted, str):
        wanted = min(200, max(32, n_samples // 10)) if one_output else 200
    return min(wanted, n_samples)


def settings_of(p: Hyperparameters, n_samples: int, cell: str, *, one_output: bool) -> Settings:
    """The parameters that say how to train a cell on so many samples."""
    rate = choose_rate(p.learning_rate_init, cell)
    return Settings(
        solver=p.solver,
        schedule=Schedule(p.learning_rate, rate, p.power_t, p.learning_rate_decay, p.max_iter),
        optimizer={option: getattr(p, option) for option in optimizer_options(p.solver)},
        alpha=p.alpha,
        batch_size=choose_batch_size(p.batch_size, n_samples, one_output=one_output),
        max_iter=p.max_iter,
        max_fun=p.max_fun,
        shuffle=p.shuffle,
        tol=p.tol,
        n_iter_no_change=p.n_iter_no_change,
        watch_validation=p.early_stopping,
        clip_norm=p.clip_norm,
        clip_value=p.clip_value,
        bptt_steps=p.bptt_steps,
    )


class ChosenParts:
    """Base of BaseRNN: fitted attributes that say what "auto" came to."""

    _net: dict
    patch_size: int | str

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        if "patch_size" not in getattr(self, "_net", {"patch_size": 1}):  # format 1 had none
            self._net["patch_size"] = self.patch_size = 1

    def _came_to(self, name: str) -> Any:
        check_is_fitted(self)
        return self._net[name]

    @property
    def hidden_layer_sizes_(self) -> tuple[int, ...]:
        """What `hidden_layer_sizes` came to."""
        return self._came_to("hidden_layer_sizes")

    @property
    def cell_(self) -> str:
        """The cell that `cell` came to."""
        return self._came_to("cell")

    @property
    def activation_(self) -> str | None:
        """The `activation` that was fitted; None of cells that take none."""
        return self._came_to("cell_options").get("activation")

    @property
    def pooling_(self) -> str | None:
        """What `pooling` came to; None where there is an output at every step."""
        return self._came_to("pooling")

    @property
    def bidirectional_(self) -> bool:
        """What `bidirectional` came to."""
        return self._came_to("bidirectional")

    @property
    def patch_size_(self) -> int:
        """What `patch_size` came to."""
        return self._came_to("patch_size")
