"""The page that Flask and Django render, and what it must look like."""

ROWS = [{"name": f"thing {number}", "price": number * 3} for number in range(20)]
ROW = '<tr><td>{{ row.name }}</td><td class="price">{{ row.price }}</td></tr>'
TEMPLATE = (
    "<!doctype html><title>{{ title }}</title><table>{% for row in rows %}"
    + ROW
    + "{% endfor %}</table>"
)
TITLE = "Things & prices"
PAGE = (
    "<!doctype html><title>Things &amp; prices</title><table>"
    + "".join(
        f'<tr><td>{row["name"]}</td><td class="price">{row["price"]}</td></tr>' for row in ROWS
    )
    + "</table>"
).encode()
