from django.shortcuts import render


def page(request, name="world"):
    return render(request, "page.html", {"name": name})
