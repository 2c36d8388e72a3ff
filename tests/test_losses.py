"""The loss sees every label there is, and nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paintassay.training.loss import masked_loss

LOGITS = st.floats(-1e4, 1e4, width=32) | st.floats(-8, 8, width=32)


@st.composite
def logits_and_labels(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6))
    logits = draw(hnp.arrays(np.float32, shape, elements=LOGITS))
    labels = draw(hnp.arrays(np.int8, shape, elements=st.sampled_from([-1, 0, 1])))
    return logits, labels


def reference(logits, labels, count=None):
    """Loss and gradient in float64, from probabilities' logarithms as the paper writes them."""
    logits, target = logits.astype(np.float64), (labels + 1) / 2
    log_active, log_inactive = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    present = labels != 0
    count = max(present.sum(), 1) if count is None else count
    entropy = -(target * log_active + (1 - target) * log_inactive)
    loss = entropy[present].sum() / count
    return loss, np.where(present, np.exp(log_active) - target, 0) / count


def loss_and_gradient(logits, labels, count=None):
    logits = torch.tensor(logits, requires_grad=True)
    loss = masked_loss(logits, torch.tensor(labels), count)
    loss.backward()
    return loss, logits.grad


@given(logits_and_labels(), st.sampled_from([np.int8, np.float32]), st.sampled_from([None, 7]))
@settings(deadline=None, max_examples=200)
def test_value_and_gradient_are_those_of_the_formula(case, label_type, count):
    logits, labels = case
    loss, gradient = loss_and_gradient(logits, labels.astype(label_type), count)
    expected, slope = reference(logits, labels, count)
    assert loss.dtype == torch.float32 and loss.shape == ()
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-12)
    assert np.allclose(gradient.numpy(), slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_labels_give_nothing_whatever_the_logit(value):
    logits = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    labels = np.array([[1, 0, -1], [0, 0, 1], [-1, 0, 0], [1, 0, 1]], np.int8)
    expected, slope = loss_and_gradient(logits, labels)
    loss, gradient = loss_and_gradient(np.where(labels == 0, value, logits), labels)
    assert torch.equal(loss, expected) and torch.equal(gradient, slope)
    assert (gradient[:, 1] == 0).all() and (gradient[labels != 0] != 0).all()


def test_batch_without_labels_is_zero_and_differentiable():
    for logits in (np.full((3, 2), np.nan, "float32"), np.zeros((0, 2), "float32")):
        loss, gradient = loss_and_gradient(logits, np.zeros(logits.shape, np.int8))
        assert loss.item() == 0 and (gradient == 0).all()


def test_not_finite_logit_of_a_label_shows():
    loss, _ = loss_and_gradient(np.array([[np.nan, 0.0]], "float32"), np.array([[1, 1]], np.int8))
    assert loss.isnan()


def test_pieces_add_up_to_the_batch():
    random = np.random.default_rng(2)
    logits = random.normal(size=(12, 9)).astype("float32")
    labels = random.choice([-1, 0, 1], (12, 9), p=[0.1, 0.8, 0.1]).astype(np.int8)
    whole, slope = loss_and_gradient(logits, labels)
    count = torch.tensor(np.count_nonzero(labels))
    pieces = [slice(0, 1), slice(1, 8), slice(8, 12)]
    parts = [loss_and_gradient(logits[piece], labels[piece], count) for piece in pieces]
    assert sum(loss for loss, _ in parts).item() == pytest.approx(whole.item(), rel=1e-6)
    assert torch.allclose(torch.cat([gradient for _, gradient in parts]), slope, rtol=1e-6)


def test_bfloat16_logits_are_summed_in_float32():
    # In bfloat16 a sum of 4,096 losses of ln 2 stands still far below its value.
    logits = torch.zeros(4096, 1, dtype=torch.bfloat16, requires_grad=True)
    loss = masked_loss(logits, torch.ones(4096, 1, dtype=torch.int8), count=1)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(4096 * np.log(2))
    assert logits.grad.dtype == torch.bfloat16 and (logits.grad == -0.5).all()


def test_compiles_as_one_graph():
    compiled = torch.compile(masked_loss, fullgraph=True, backend="aot_eager")
    logits = torch.tensor([[2.0, torch.nan], [-1.0, 3.0]])
    labels = torch.tensor([[1, 0], [1, -1]], dtype=torch.int8)
    assert torch.equal(compiled(logits, labels), masked_loss(logits, labels))


@pytest.mark.parametrize("count", [None, 5, torch.ones((), device="meta")])
def test_nothing_waits_for_a_value(count):
    # Tensors without values refuse what would make the host wait, such as a boolean index.
    logits = torch.zeros(3, 2, device="meta", requires_grad=True)
    masked_loss(logits, torch.ones(3, 2, dtype=torch.int8, device="meta"), count).backward()


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"labels \(3,\) for logits \(2, 3\)"):
        masked_loss(torch.zeros(2, 3), torch.ones(3))
