"""What a file is and is called: by its bytes, and by nothing that came with it."""

from __future__ import annotations

import pytest

from reviews.attachments import Upload, media_of
from reviews.errors import InvalidPayload


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("bill.pdf", "bill.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("a\x00b.txt", "ab.txt"),
        ("fdp.\u202eexe", "fdp.[U+202E]exe"),
        ("  .. ", "File"),
        ("", "File"),
        ("x" * 300, "x" * 120),
        ("CON", "CON"),  # shown, never a name in a file system of ours
    ],
)
def test_a_title_is_a_name_without_folders_and_without_anything_hidden(name: str, title: str) -> None:
    assert Upload(name, b"x").title == title


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        (b"<!doctype html><script>alert(1)</script>", "text/plain"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x02\x00\x03\x03", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x02\x00\x00", "image/webp"),
    ],
)
def test_the_first_bytes_say_what_it_is(body: bytes, media: str) -> None:
    assert media_of(body) == media


@pytest.mark.parametrize(
    "body",
    [
        b"RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff",
        b"\xff\xd8\xff\xe0\xff\xff",
        b"\xff\xd8\xff" + b"\xff" * 5_000,
        b"\x1f\x8b\x08\x00",
    ],
)
def test_what_unfolds_to_too_much_or_is_cut_short_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidPayload):
        media_of(body)
