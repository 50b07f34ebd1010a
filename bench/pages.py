"""Puts a measured table into a page of docs/, between <!-- begin NAME --> and <!-- end NAME -->."""
import re


def replace(page, name, text):
    before = page.read_text()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in before or end not in before:
        raise SystemExit(f"{page}: there is no place marked {begin} ... {end}")
    page.write_text(re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: f"{begin}\n{text.strip()}\n{end}", before, flags=re.S))
