"""The optimizers: Muon for the matrices inside the layers, AdamW for the embedding and the norms.

Muon (Jordan et al. 2024) steps along the momentum's nearest orthogonal matrix, found by five Newton-Schulz iterations;
the step is scaled as in Liu et al. 2025 ("Muon is scalable for LLM training"), so that its elements are about as large
as AdamW's and both share one learning rate and weight decay. Matrices of one shape are worked on together.
"""
import torch


def orthogonalized(m):
    """About U V^T of each m = U S V^T.  # [count, rows, columns]"""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = m.bfloat16() if m.is_cuda else m
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).to(x.dtype)
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.transpose(1, 2) if tall else x


class Muon:
    def __init__(self, parameters, weight_decay, momentum=0.95):
        self.weight_decay, self.momentum = weight_decay, momentum
        by_shape = {}
        for parameter in parameters:
            by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
        self.groups = [(group, torch.zeros(len(group), *shape, device=group[0].device))
                       for shape, group in by_shape.items()]

    @torch.no_grad()
    def step(self, rate):
        for group, momentum in self.groups:
            gradient = torch.stack([parameter.grad for parameter in group]).float()
            momentum.lerp_(gradient, 1 - self.momentum)
            update = orthogonalized(gradient.lerp(momentum, self.momentum))
            scale = 0.2 * max(momentum.shape[1:]) ** 0.5
            torch._foreach_mul_(group, 1 - rate * self.weight_decay)
            torch._foreach_add_(group, list(update.float().unbind(0)), alpha=-rate * scale)

    def state(self):
        return [momentum for _, momentum in self.groups]

    def load(self, state):
        for (_, momentum), saved in zip(self.groups, state):
            momentum.copy_(saved)


class Optimizers:
    """Both, behind one step. `kind` "adamw" gives the matrices to AdamW too."""

    def __init__(self, model, kind, weight_decay):
        named = list(model.named_parameters())
        matrices = [p for name, p in named if p.dim() == 2 and "embed" not in name]
        embedding = [p for name, p in named if "embed" in name]
        norms = [p for _, p in named if p.dim() == 1]
        groups = [{"params": embedding, "weight_decay": 0.0}, {"params": norms, "weight_decay": 0.0}]
        self.muon = Muon(matrices, weight_decay) if kind == "muon" else None
        if not self.muon:
            groups.append({"params": matrices, "weight_decay": weight_decay})
        arguments = {"lr": 0.0, "betas": (0.9, 0.95), "eps": 1e-8}
        try:
            self.adamw = torch.optim.AdamW(groups, fused=named[0][1].is_cuda, **arguments)
        except TypeError:  # PyTorch 1.13 has no fused AdamW
            self.adamw = torch.optim.AdamW(groups, **arguments)

    def step(self, rate):
        for group in self.adamw.param_groups:
            group["lr"] = rate
        self.adamw.step()
        if self.muon:
            self.muon.step(rate)

    def state(self):
        return {"adamw": self.adamw.state_dict(), "muon": self.muon.state() if self.muon else None}

    def load(self, state):
        self.adamw.load_state_dict(state["adamw"])
        if self.muon:
            self.muon.load(state["muon"])
