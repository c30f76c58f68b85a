"""How much the browser is sent for a page."""

from collections import defaultdict


def weigh(page) -> dict[str, list[int]]:
    """Bytes of every answer that reaches the page from now on, as they are sent, by kind: document, script, ...

    The dict fills while the page is used.
    """
    sent: dict[str, list[int]] = defaultdict(list)

    def note(request) -> None:
        if not request.url.startswith("data:"):
            sizes = request.sizes()
            sent[request.resource_type].append(sizes["responseBodySize"] + sizes["responseHeadersSize"])

    page.on("requestfinished", note)
    return sent
