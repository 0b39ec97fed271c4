"""Addresses of a test that looks at a page in a real browser: ours, and one that frames it and tells what can be seen there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

# The frame is low, so that one section fills it. What is told is where each section stands in it, once nothing moves.
_FRAME = """<!DOCTYPE html>
<iframe id="frame" width="1000" height="300"></iframe>
<pre id="told"></pre>
<script>
    const frame = document.getElementById("frame"), [address, then] = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    let before = "", same = 0, moved = !then;
    frame.src = address;
    const looking = setInterval(function () {
        const sections = {};
        for (const one of frame.contentDocument.querySelectorAll(".opblock-tag")) {
            sections[one.id] = Math.round(one.getBoundingClientRect().top);
        }
        const now = JSON.stringify({sections: sections, hash: frame.contentWindow.location.hash});
        same = now === before && Object.keys(sections).length ? same + 1 : 0;
        before = now;
        if (same > 10 && !moved) {
            frame.contentWindow.location.hash = then;
            moved = true;
            same = 0;
        } else if (same > 10) {
            document.getElementById("told").textContent = now;
            clearInterval(looking);
        }
    }, 100);
</script>
"""


def _framed(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_FRAME)


urlpatterns = [path("framed", _framed), path("", include("blast_api_project.urls"))]
