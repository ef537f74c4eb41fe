"""Pages of the admin site, read and sent as a browser would."""

from html.parser import HTMLParser
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse


class Form(HTMLParser):
    """The fields of the one form on a page that has this id, as a browser would send them."""

    def __init__(self, html: str, form_id: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._form_id, self._inside = form_id, False
        self._select = self._textarea = self._text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self._inside = given.get("id") == self._form_id
        elif not self._inside:
            return
        elif tag == "input" and name and given.get("type") != "submit":
            if given.get("type") not in {"checkbox", "radio"} or "checked" in given:
                self._add(name, given.get("value") or "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self._add(self._select, given.get("value") or "")
        elif tag == "textarea":
            self._textarea, self._text = name, ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # A line break right behind the tag is not part of the text (HTML Standard §13.1.2.5).
            self._add(self._textarea, self._text.removeprefix("\n"))
            self._textarea = ""

    def _add(self, name: str, value: str) -> None:
        # Line breaks are sent as CRLF (HTML Standard §4.10.21.8).
        lines = value.replace("\r\n", "\n").replace("\n", "\r\n")
        self.fields.setdefault(name, []).append(lines)


def page_of(obj: Model, page: str = "change") -> str:
    """Return the address of an object's page."""
    options = obj._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{page}", args=[obj.pk])


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def opened(client: Client, obj: Model) -> dict[str, list[str]]:
    """Open an object's form and return its fields."""
    html = client.get(page_of(obj)).content.decode()
    return Form(html, f"{obj._meta.model_name}_form").fields


def save(client: Client, obj: Model, **changes: Any) -> Any:
    """Open an object's form, change fields and press Save."""
    return send(client, obj, opened(client, obj), **changes)


def send(client: Client, obj: Model, fields: dict[str, list[str]], **changes: Any) -> Any:
    """Press Save on a form that was opened before."""
    return client.post(page_of(obj), {**fields, **changes, "_save": "Save"}, follow=True)


def act(client: Client, action: str, *objects: Model, **more: Any) -> list[str]:
    """Run an action on the list and return the messages that it leaves."""
    selected = [str(obj.pk) for obj in objects]
    data = {"action": action, "_selected_action": selected, **more}
    return messages(client.post(list_of(type(objects[0])), data, follow=True))


def act_on_form(client: Client, action: str, obj: Model) -> list[str]:
    """Run an action on the form of one object and return the messages that it leaves."""
    data = {"CHANGE_FORM-action": action, "_selected_action": str(obj.pk)}
    return messages(client.post(page_of(obj), data, follow=True))


def messages(response: Any) -> list[str]:
    """Return the messages on the page that an answer has led to."""
    assert response.redirect_chain, response.content
    return [str(message) for message in response.context["messages"]]


def errors(response: Any) -> dict[str, list[str]]:
    """Return the errors of the form that came back."""
    assert not response.redirect_chain, response
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return dict(found)
