"""The parameters that both estimators share, once: their types, what values are allowed, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np

from .._sklearn import Interval, RegisteredNames, StrOptions
from ..core._cells import CELLS
from ..core._optimizers import OPTIMIZERS
from ..core._pooling import POOLINGS


class Hyperparameters:
    """Base of BaseRNN. Attributes that `__init__` sets, for readers and type checkers; constraints for scikit-learn."""

    hidden_layer_sizes: int | Sequence[int] | str
    cell: str
    activation: str
    bidirectional: bool | str
    mapping: str
    patch_size: int | str
    pooling: str
    dropout: float
    init: str
    init_scale: float
    alpha: float
    solver: str
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float | str
    power_t: float
    learning_rate_decay: float
    max_iter: int
    shuffle: bool
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    clip_norm: float | None
    clip_value: float | None
    bptt_steps: int | None
    max_fun: int
    early_stopping: bool
    validation_fraction: float
    validation_method: str
    scoring: str | Callable | None
    n_iter_no_change: int
    checkpoint: str | PathLike | None
    checkpoint_every: int | str | timedelta

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "cell": [RegisteredNames(CELLS), StrOptions({"auto"})],
        "activation": [StrOptions({"tanh", "relu"})],
        "bidirectional": ["boolean", StrOptions({"auto"})],
        "mapping": [StrOptions({"many-to-one", "many-to-many", "one-to-many"})],
        "patch_size": [Interval(Integral, 1, 2**20, closed="both"), StrOptions({"auto"})],
        "pooling": [RegisteredNames(POOLINGS), StrOptions({"auto"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "init": [StrOptions({"orthogonal", "uniform", "normal"})],
        "init_scale": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [RegisteredNames(OPTIMIZERS), StrOptions({"lbfgs"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "inverse_time", "adaptive", "cosine"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "learning_rate_decay": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
        "clip_value": [None, Interval(Real, 0, None, closed="neither")],
        "bptt_steps": [None, Interval(Integral, 1, None, closed="left")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "validation_method": [StrOptions({"random", "last"})],
        "scoring": [str, callable, None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "checkpoint": [str, PathLike, None],
        "checkpoint_every": "no_validation",  # see `_checkpoint.interval`
    }


def store_parameters(estimator: object, arguments: Mapping[str, object]) -> None:
    """Set every argument of __init__ under its own name: scikit-learn asks for this, and for nothing else."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


def layer_sizes(hidden_layer_sizes: object) -> tuple[int, ...]:
    """One width a layer, from an int or a sequence of them."""
    sizes = tuple(np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist())
    if not sizes or not all(_is_width(n) for n in sizes):
        raise ValueError(
            "hidden_layer_sizes must be an int >= 1 or a non-empty sequence of such, one a layer; "
            f"got {hidden_layer_sizes!r}."
        )
    return tuple(int(n) for n in sizes)


def _is_width(n: Any) -> bool:
    return isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 1


NET_PARAMETERS = """\
    hidden_layer_sizes : int, sequence of int, or "auto", default="auto"
        Number of hidden units of each recurrent layer; an int is one layer. "auto": 64, and of "mingru" and "indrnn"
        two layers of 64, since their units hear of each other only through a second layer.

    cell : {"auto", "rnn", "gru", "lstm", "mingru", "indrnn"}, default="auto"
        "rnn" is the simple Elman network, "gru" the gated recurrent unit in its reset-after form, "lstm" the long
        short-term memory; all are numerically those of PyTorch. In "mingru", the minimal GRU, and "indrnn", the
        independently recurrent network, a unit hears of no other unit: layer for layer they are several times as fast,
        and they remember a thousand steps, but hardly tell at which step a value stood. "auto": "gru"; "mingru" where a
        many-to-one network without `bptt_steps` reads long sequences: of a median length of more than 32 steps to be
        classified, or more than 128 in a regression. Set it where lengths lie near that: each fold of a search, or the
        first batch of `partial_fit`, decides for itself.

    activation : {"tanh", "relu"}, default="tanh"
        Nonlinearity of cell="rnn"; the other cells ignore it.

    bidirectional : bool or "auto", default="auto"
        Let each layer also read the sequences backwards. Needs the whole sequence, so not for streams. "auto": yes in
        many-to-one networks without `bptt_steps` that classify, or whose sequences are long.

    mapping : {"many-to-one", "many-to-many", "one-to-many"}, default="many-to-one"
        One target a sequence; a target at every time step; or a table of features in, fed at every step, and a
        sequence of fixed length out.

    patch_size : int or "auto", default="auto"
        Consecutive steps that a many-to-one network reads as one, wider step, as :class:`PatchSequence` makes them.
        "auto": 1; where sequences are long, 4, or more where that leaves over 256. Larger ones are faster, and often
        better where what counts is spread over the whole sequence; where it is one event among few samples, they
        overfit.

    pooling : {"auto", "last", "mean", "max", "concat", "attention"}, default="auto"
        What the readout of a many-to-one network sees: the state after the last step, the mean or maximum over all
        steps, these three side by side (concat pooling of ULMFiT, Howard and Ruder 2018), or a mean whose weights are
        learnt. "auto": "concat" where `bidirectional` is chosen, else "last". Which wins depends on the task: worth a
        place in a grid search.

    dropout : float in [0, 1), default=0.0
        Share of values dropped between layers and before the readout while training (inverted dropout). solver="lbfgs"
        ignores it.

    init : {"orthogonal", "uniform", "normal"}, default="orthogonal"
        "orthogonal": recurrent matrices orthogonal, others Glorot uniform, biases 0, forget gates 1; what "mingru" and
        "indrnn" remember ranges from one step to the usual length of the sequences, and beyond. "uniform": everything
        within 1/sqrt(width), as in PyTorch. "normal": everything, biases too, N(0, init_scale^2).

    init_scale : float, default=0.1
        Standard deviation of init="normal".
"""

TRAINING_PARAMETERS = """\
    alpha : float, default=0.0001
        L2 penalty: alpha/2 times the squared norm of the weight matrices (not of biases) is added to the mean loss.

    solver : {"adam", "sgd", "adagrad", "rmsprop", "lbfgs"}, default="adam"
        "lbfgs" sees all data at once, in chunks so that memory does not grow with their number; the others take
        mini-batches.

    batch_size : int or "auto", default="auto"
        Sequences a mini-batch. "auto": 200; of classifiers a tenth of the samples, but from 32 to 200.

    learning_rate : {"constant", "invscaling", "inverse_time", "adaptive", "cosine"}, default="constant"
        - "constant": `learning_rate_init`;
        - "invscaling": learning_rate_init / t**power_t at update t = 1, 2, ...;
        - "inverse_time": learning_rate_init / (1 + learning_rate_decay * epoch), epoch = 0, 1, ...;
        - "adaptive": divided by 5 whenever `n_iter_no_change` epochs brought no gain; training stops below 1e-6;
        - "cosine": half a cosine down to 0 over `max_iter` epochs, then anew.

        All but solver="lbfgs" heed it.

    learning_rate_init : float or "auto", default="auto"
        Initial learning rate. "auto": 0.003; 0.01 for "mingru" and "indrnn".

    power_t : float, default=0.5
        Exponent of learning_rate="invscaling".

    learning_rate_decay : float, default=0.01
        Decay an epoch of learning_rate="inverse_time".

    max_iter : int, default=200
        Most epochs (passes over the data) of one `fit`; iterations with solver="lbfgs".

    shuffle : bool, default=True
        Draw the mini-batches anew in every epoch; otherwise they keep the order of the samples.

    random_state : int, RandomState instance or None, default=None
        Draws the starting weights, the internal split, the mini-batches and the dropout. With an int, two fits on
        the same machine are identical to the last bit.

    tol : float, default=1e-4
        Training stops when the watched value has not improved by more than `tol` for over `n_iter_no_change` epochs:
        the training loss, or with early_stopping the validation loss or score. With solver="lbfgs", the largest
        entry of the gradient at which it stops. In any case the weights of the best epoch are kept, not the last.

    verbose : bool or int, default=False
        1 prints one line an epoch: its loss, the validation loss and score, the learning rate, the norm of the gradient
        (the mean over its updates) and how many seconds are left at most. On a terminal the line is rewritten in
        place. 2 also prints every mini-batch.

    warm_start : bool, default=False
        Let `fit` go on from the weights that the last fit kept, with the state of its solver.

    momentum : float in [0, 1], default=0.9
        Momentum of solver="sgd".

    nesterovs_momentum : bool, default=True
        Whether solver="sgd" uses Nesterov's form.

    beta_1, beta_2 : float in [0, 1), default=0.9, 0.999
        Decay of the running means of the gradient and of its square, solver="adam".

    epsilon : float, default=1e-8
        Keeps the divisions of "adam", "adagrad" and "rmsprop" finite.

    clip_norm : float or None, default=5.0
        Longest gradient allowed; a longer one is shortened. None is no limit. solver="lbfgs" ignores both clips.

    clip_value : float or None, default=None
        Largest entry of the gradient allowed; applied before `clip_norm`.

    bptt_steps : int or None, default=None
        Truncated back-propagation through time. Many-to-many (and one-to-many): an update after every `bptt_steps`
        steps, with the state carried on. Many-to-one: the earlier steps are run through without being kept, and the
        gradient takes in the last `bptt_steps` only (patches, if `patch_size` is given). None is the whole sequence.
        Not with bidirectional=True or solver="lbfgs".

    max_fun : int, default=15000
        Most evaluations of the objective, solver="lbfgs".

    early_stopping : bool, default=False
        Watch validation data instead of the training loss, and end with the best weights. Without `X_val` in `fit`,
        `validation_fraction` of the samples is held out.

    validation_fraction : float in (0, 1), default=0.1
        Share of the samples held out by early_stopping.

    validation_method : {"random", "last"}, default="random"
        Hold out random samples, or the last ones, as is proper for samples ordered in time.

    scoring : str, callable or None, default="loss"
        What is watched on validation data: "loss", a scikit-learn scorer, or None for the estimator's own `score`.
        scikit-learn's metrics take one target a sample, so with targets at every step "loss", None or a callable.

    n_iter_no_change : int, default=10
        Epochs without gain to wait for; see `tol`.

    checkpoint : str or path, default=None
        Folder in which `fit` leaves its state while it trains. A fit that was killed goes on from there when it is
        called again with the same parameters and data, and comes to the same weights, to the last bit, as one that ran
        through. Each fit has a file of its own, so that those of a search may share the folder; at the end of the fit
        it is removed. A fit with other parameters or data starts anew, and leaves the file of the one that was killed.
        With random_state=None, which draws the same only once, fits that are otherwise alike take the files that killed
        ones left in the order in which they begin. Files that cannot be written are warned of, and training goes on.
        Not with solver="lbfgs".

    checkpoint_every : int, str or timedelta, default="1min"
        Epochs, such as 10, or time, such as "30s", from one checkpoint to the next. It is written between two epochs.
"""

ATTRIBUTES = """\
    weights_ : dict of str to ndarray
        Named views of the weights; the keys are listed at its definition.

    loss_curve_ : list of float
        Mean loss, with the L2 penalty, of each epoch.

    gradient_norm_curve_ : list of float
        Norm of the gradient before it was clipped, the mean over the updates of each epoch.

    clipped_curve_ : list of float
        Share of the updates of each epoch in which the gradient was clipped, in [0, 1].

    validation_loss_curve_ : list of float, or None
        Mean loss on the validation data after each epoch, without the penalty; NaN for epochs of a warm start or of
        `partial_fit` that were not validated.

    hidden_layer_sizes_, cell_, bidirectional_, patch_size_, pooling_
        What "auto" came to, or the parameters themselves where they were given. With an output at every step
        `patch_size_` is 1 and `pooling_` None, whatever the parameters.

    activation_ : str or None
        The `activation` that was fitted; None of cells that take none.

    validation_scores_ : list of float, or None
        Score on the validation data after each epoch, unless scoring="loss".

    best_loss_ : float
        Lowest value of `loss_curve_`.

    n_iter_ : int
        Number of epochs (iterations with solver="lbfgs").

    stopped_by_ : {"converged", "max_iter", "diverged", "interrupted"}
        Why the last training ended: without gain for longer than `n_iter_no_change` epochs (see `tol`), or a callback
        asked for it; all epochs done, of `partial_fit` its one; a loss or gradient that was not finite; Ctrl-C.

    n_outputs_ : int
        Number of outputs.

    n_features_in_ : int
        Number of features of a time step; of columns where X was 2-D.

    feature_names_in_ : ndarray of str
        Column names, where X was a DataFrame with string columns.
"""
