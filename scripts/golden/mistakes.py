"""Would a mistake show, and would rounding not? Changes a network a little and looks at how far its outputs move."""

import contextlib
import sys

import torch
import torch.nn.functional as F

import seed_story


def distance(a, b):
    return max(((a[k] - b[k]).abs().max() / a[k].abs().max()).item() for k in a)


@contextlib.contextmanager
def tanh_gelu():
    exact = F.gelu
    F.gelu = lambda x, approximate="none": exact(x, approximate="tanh")
    try:
        yield
    finally:
        F.gelu = exact


def note(what, moved, limit, rows):
    rows.append((moved, what, moved >= 2 * limit))


def check_mistakes(run, outputs, weights, set_weight, module=None, limit=2e-5, gelu=True, blind=()):
    """`run()` gives the outputs for the weights as they are, `set_weight(name, tensor)` changes one."""
    rows = []
    for name, value in weights.items():
        if any(part in name for part in blind):
            continue
        set_weight(name, torch.zeros_like(value))
        note(name + " = 0", distance(outputs, run()), limit, rows)
        set_weight(name, value)
    for name, part in module.named_modules() if module else ():
        for field in ("eps", "variance_epsilon"):
            if type(part).__name__.endswith("Norm") and hasattr(part, field) and not any(b in name for b in blind):
                eps = getattr(part, field)
                setattr(part, field, 10 * eps)
                note(f"{name}.{field} x 10", distance(outputs, run()), limit, rows)
                setattr(part, field, eps)
    if gelu:
        with tanh_gelu():
            note("GELU by tanh", distance(outputs, run()), limit, rows)
    assert distance(outputs, run()) == 0
    rows.sort()
    hidden = [f"{what}: {moved:.1e}" for moved, what, shows in rows if not shows]
    if hidden:
        sys.exit("\n".join(["moves the outputs by less than twice the tests' limit:", *hidden]))
    print(f"  {len(rows)} mistakes show; the least: {rows[0][1]}, {rows[0][0]:.1e}")


def check_module(module, weights, run, outputs, **more):
    state = module.state_dict()
    check_mistakes(run, outputs, weights, lambda name, value: state[name].copy_(value), module, **more)


def check_functional(weights, run, outputs, limit=2e-5, **more):
    """For the networks of seed_story.py: `run(weights)`."""
    w = dict(weights)
    check_mistakes(lambda: run(w), outputs, weights, w.__setitem__, limit=limit, **more)
    norm, calls, least = seed_story.norm, [], 1
    for chosen in range(-1, 1000):
        seen = []

        def one_is_wrong(w, name, x, eps):
            seen.append(name)
            return norm(w, name, x, eps * 10 if len(seen) - 1 == chosen else eps)

        seed_story.norm = one_is_wrong
        moved = distance(outputs, run(w))
        seed_story.norm = norm
        if chosen < 0:
            calls = seen
            continue
        least = min(least, moved)
        if moved < 2 * limit:
            sys.exit(f"eps x 10 in norm {chosen}, {calls[chosen]}, moves the outputs by {moved:.1e} only")
        if chosen + 1 == len(calls):
            break
    print(f"  eps x 10 in each of {len(calls)} norms moves the outputs by {least:.1e} or more")


def check_rounding(module, run, outputs, limit=2e-5):
    """Weights that are off by a rounding must not move the outputs, else another order of sums could miss the limit."""
    state = module.state_dict()
    weights = {k: v.clone() for k, v in state.items()}
    moved = 0
    for seed in range(5):
        g = torch.Generator().manual_seed(seed)
        for name, value in weights.items():
            state[name].copy_(value * (1 + 2**-24 * torch.randn(value.shape, generator=g)))
        moved = max(moved, distance(outputs, run()))
    for name, value in weights.items():
        state[name].copy_(value)
    print(f"  rounded weights: {moved:.1e}")
    if moved > limit / 8:
        sys.exit("the outputs depend on roundings; draw other weights")


def check_scale(model, run, outputs):
    layers = [m for m in model.modules() if hasattr(m, "scaling")]
    for layer in layers:
        layer.scaling["default"] *= 1.01
    print(f"  LoRA scale x 1.01: {distance(outputs, run()):.1e}")
    for layer in layers:
        layer.scaling["default"] /= 1.01
