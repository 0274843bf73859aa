"""Pieces as files: PDF for paper, PNG for an electronic board; black on white, so that any printer will do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from broadcaster.printing.piece import Kind, Piece

HERE = Path(__file__).parent
FONTS = HERE.parent / "fonts"
BOARD = (1920, 1080)  # pixels of a common electronic board
BOARD_POINTS = 960  # the board's template is half as many points wide as the board has pixels
PREVIEW_DOTS = 48.0  # per inch: an A4 page is 397 x 561 pixels
PAPERS = ("a4", "a3")


def pdf(piece: Piece, *, paper: str = "a4") -> bytes:
    """One PDF of the piece; `paper` matters to posters only."""
    import typst

    return bytes(typst.compile(str(HERE / f"{piece.kind}.typ"), **_settings(piece, paper)))


def png(piece: Piece) -> bytes:
    """The board's picture, 1920 x 1080."""
    return _drawn(piece, 72 * BOARD[0] / BOARD_POINTS)  # typst counts pixels per 72 points


def preview(piece: Piece) -> bytes:
    """A small picture of a piece that has one page: the board, or a poster; for a page of the library."""
    return _drawn(piece, PREVIEW_DOTS)


def made(piece: Piece, *, paper: str = "a4") -> bytes:
    """The file of its kind."""
    return png(piece) if piece.kind is Kind.BOARD else pdf(piece, paper=paper)


def suffix(kind: Kind) -> str:
    return "png" if kind is Kind.BOARD else "pdf"


def _drawn(piece: Piece, dots: float) -> bytes:
    import typst

    return bytes(typst.compile(str(HERE / f"{piece.kind}.typ"), format="png", ppi=dots, **_settings(piece, "a4")))


def _settings(piece: Piece, paper: str) -> dict[str, Any]:
    codes = {one.link: _qr(one.link) for one in piece.said if one.link}
    told = piece.plain() | {"paper": paper, "codes": codes}
    return {
        "root": str(HERE),
        "font_paths": [str(FONTS)],
        "ignore_system_fonts": True,
        "sys_inputs": {"piece": json.dumps(told, ensure_ascii=False)},
    }


def _qr(link: str) -> str:
    """The code of an address as SVG; level Q, so that a worn sheet still reads."""
    import segno

    target = io.BytesIO()
    segno.make(link, error="q", micro=False).save(target, kind="svg", border=2, xmldecl=False, svgns=True)
    return target.getvalue().decode()
