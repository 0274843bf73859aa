"""The approved words as they will hang on a wall or stand on a board: a picture, for the library's page of the message."""

from __future__ import annotations

from fastapi.responses import Response

from broadcaster.errors import NotFound
from broadcaster.printing import press
from broadcaster.printing.approved import approved
from broadcaster.printing.piece import Kind, piece
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
KINDS = (Kind.POSTER, Kind.BOARD)  # of one page


@pages.get("/picture/{kind}/{language}/{name}", act=Look.SIGNED_IN)
def show(visit: Here, kind: str, language: str, name: str) -> Response:
    """Drawn from the approved revision; looking at it prints nothing, so it stands in no ledger."""
    if kind not in KINDS:
        raise NotFound("There are pictures of posters and of boards.")
    with visit.read() as connection:
        said = approved(connection, visit.config, name, now=visit.now)
    data = press.preview(piece(Kind(kind), [said], language=language, office=visit.config.office.name))
    return visit.download(data, name=f"{kind}.png", kind="image/png")
