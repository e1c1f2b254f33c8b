"""Which member of a consumer group should have which partition. Pure.

Cooperative and sticky: every member computes the same answer from the same table, shares differ by at most one, and a
partition moves only where the shares demand it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


def assign(wanted: Mapping[int, str | None], members: Collection[str]) -> dict[int, str]:
    """partition -> member, from the assignment so far (None or somebody who has gone: free) and who is there now.

    `members` must not be empty. Those who have most keep the larger shares, so that the fewest partitions move.
    """
    held = {member: sorted(p for p, owner in wanted.items() if owner == member) for member in members}
    order = sorted(members, key=lambda member: (-len(held[member]), member))
    share, rest = divmod(len(wanted), len(order))
    quota = {member: share + (rank < rest) for rank, member in enumerate(order)}
    kept = {p: member for member in order for p in held[member][: quota[member]]}
    free = (p for p in sorted(wanted) if p not in kept)
    given = dict(kept)
    for member in order:
        for _ in range(quota[member] - min(len(held[member]), quota[member])):
            given[next(free)] = member
    return given
