#!/usr/bin/env python3
"""Unmarked human text for the null calibration: downloads Debian packages and writes DEST/NAME.txt, and their versions.

usage: null_corpora.py DEST [NAME...]        (needs apt-get with package lists, dpkg; about 20 s for all)

The texts are fetched where they are needed and never redistributed: their licences differ (see PACKAGES).
gcide and wn are the adversarial ones: very repetitive, a null that ignores repetition fails on them at once.
"""
import glob
import gzip
import html
import pathlib
import re
import subprocess
import sys
import tempfile

PACKAGES = {  # NAME: (Debian package, licence of the text)
    "anarchism": ("anarchism", "GPL-2"),
    "foldoc": ("dict-foldoc", "GFDL"),
    "fortunes": ("fortunes", "mixed, see the package"),
    "gcide": ("dict-gcide", "GPL-2+"),
    "git": ("git-doc", "GPL-2"),
    "jargon": ("jargon-text", "public domain"),
    "wn": ("dict-wn", "WordNet 3.0 licence"),
}


def strip_html(text):
    text = re.sub(r"<(script|style|pre)[^>]*>.*?</\1>", "", text, flags=re.S | re.I)
    text = re.sub(r"</?(p|div|li|h\d|br|tr|dd|dt|blockquote|title)[^>]*>", "\n", text, flags=re.I)
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def paragraphs(text):
    text = re.sub(r"[{}\[\]|]", "", text.replace("\xa0", " "))
    return [re.sub(r"\s+", " ", p).strip() for p in re.split(r"\n\s*\n", text) if p.strip()]


def prose(text):
    """Paragraphs of at least 60 characters that are at least 90 % letters and spaces, one a line."""
    keep = (p for p in paragraphs(text) if len(p) >= 60 and sum(c.isalpha() or c == " " for c in p) > 0.9 * len(p))
    return "\n".join(keep) + "\n"


def read(pattern, root):
    for path in sorted(glob.glob(str(root / pattern), recursive=True)):
        opener = gzip.open if path.endswith((".gz", ".dz")) else open
        with opener(path, "rt", encoding="utf-8", errors="replace") as file:
            yield file.read()


SOURCES = {
    "anarchism": lambda root: map(strip_html, read("usr/share/doc/anarchism/html/*.html", root)),
    "foldoc": lambda root: read("usr/share/dictd/foldoc.dict.dz", root),
    "fortunes": lambda root: (t.replace("\n%\n", "\n\n") for t in read("usr/share/games/fortunes/*[!t8]", root)),
    "gcide": lambda root: read("usr/share/dictd/gcide.dict.dz", root),
    "git": lambda root: map(strip_html, read("usr/share/doc/git-doc/**/*.html", root)),
    "jargon": lambda root: read("usr/share/doc/jargon-text/jargon.txt.gz", root),
    "wn": lambda root: read("usr/share/dictd/wn.dict.dz", root),
}


def fetch(name, dest):
    package, licence = PACKAGES[name]
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        # As root, apt would download as another user, who cannot write here.
        download = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package]
        subprocess.run(download, cwd=tmp, check=True, stdout=subprocess.DEVNULL)
        deb = next(tmp.glob("*.deb"))
        subprocess.run(["dpkg", "-x", deb, tmp / "x"], check=True)
        shown = subprocess.run(["dpkg-deb", "-f", deb, "Version"], check=True, capture_output=True, text=True)
        text = prose("\n\n".join(SOURCES[name](tmp / "x")))
    (dest / f"{name}.source").write_text(f"{package} {shown.stdout.strip()}, {licence}\n", encoding="utf-8")
    # The text comes last and whole: a folder that has it has everything.
    part = dest / f"{name}.part"
    part.write_text(text, encoding="utf-8")
    part.rename(dest / f"{name}.txt")
    print(f"{name:10} {len(text.encode()) / 1e6:6.2f} MB  {package}, {licence}", file=sys.stderr)


def main(dest, *names):
    dest = pathlib.Path(dest)
    dest.mkdir(parents=True, exist_ok=True)
    for name in names or SOURCES:
        try:
            fetch(name, dest)
        except (OSError, subprocess.CalledProcessError, StopIteration) as error:
            sys.exit(f"null_corpora.py: cannot fetch {name} (Debian package {PACKAGES[name][0]}): {error!r}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(PACKAGES):
        sys.exit(__doc__)
    main(*sys.argv[1:])
