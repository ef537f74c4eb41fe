"""How the pages of the admin site write: through the operations, or not at all.

A form hands what the person has changed to an operation, and a DomainError comes back as an error
of that form. Django saves forms inside one transaction, so a refusal undoes everything that the
same page had already changed, its inlines included.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast, override
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin, action, actions
from django.contrib.admin.utils import model_ngettext, quote
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst

from tasks.errors import DomainError
from tasks.operations.access import Actor

MOST_ROWS = 500  # Each is a transaction of its own; a request has to end some time.
LONGEST_TEXT = 64 * 1024  # bytes
_SHOWN_REFUSALS = 5

one_line = RegexValidator(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "It takes one line.", inverse_match=True
)


def actor(request: HttpRequest) -> Actor:
    """Return who acts: staff, as an admin of every project."""
    # The site lets nobody in who has not signed in.
    return Actor(cast("UUID", request.user.pk), is_staff=True)


def words(refusal: DomainError) -> str:
    """Return a refusal in words for people."""
    details = [error.detail for error in refusal.errors] or [refusal.detail]
    return plain(" ".join(filter(None, details))) or f"{capfirst(plain(refusal.code))}."


def plain(text: str) -> str:
    """Return words written for users of the API, names in backticks, as a form has them."""
    return text.replace("`", "").replace("_", " ")


def text_of(sent: str) -> str:
    """Return a text with its own line breaks in place of those of forms (CRLF).

    Raises:
        ValidationError: it is longer than the API would take.
    """
    text = sent.replace("\r\n", "\n")
    if len(text.encode()) > LONGEST_TEXT:
        raise ValidationError(f"At most {LONGEST_TEXT} bytes in UTF-8.")
    return text


class OperationForm(forms.ModelForm):
    """A form whose changed fields an operation takes.

    Each field also carries the value it was shown with, so what counts as changed is what this
    person changed. Compared with the row of now, an old page would undo the changes that others
    have made since it was opened.
    """

    lines: ClassVar[tuple[str, ...]] = ()  # fields that take one line
    refusal: ClassVar[DomainError | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # none on a page that may only be viewed
            field.show_hidden_initial = True
            if name in self.lines:
                field.validators.append(one_line)

    def clean(self) -> dict[str, Any] | None:
        """Show what the operation refused, at the fields it named."""
        if self.refusal is not None:
            named = {error.field: error.detail for error in self.refusal.errors}
            here = {field: detail for field, detail in named.items() if field in self.fields}
            for field, detail in here.items():
                self.add_error(field, plain(detail))
            if not here:
                self.add_error(None, words(self.refusal))
        return super().clean()

    def validate_constraints(self) -> None:
        """Leave them to the operation, which says in words what the database has as names."""

    def changes(self) -> dict[str, Any]:
        """Return what to hand to the operation: its names and values for the changed fields."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class OperatingAdmin(ModelAdmin):
    """A model that is written through operations. Nothing is added here: that is the API's work."""

    form: type[forms.ModelForm] = OperationForm
    ordering = ("-id",)  # UUIDv7: newest first, straight from the primary key
    show_full_result_count = False
    actions: Sequence[Any] = ("delete_selected",)
    deleted = "deleted"  # what deletion does to a row, in words

    class Media:
        css: ClassVar = {"all": ["tasks/admin.css"]}

    def write(self, request: HttpRequest, obj: Any, changes: Mapping[str, Any]) -> None:
        """Change an object by an operation, which may raise a DomainError."""
        raise NotImplementedError

    def remove(self, request: HttpRequest, obj: Any) -> None:
        """Delete an object by an operation, which may raise a DomainError."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- forms ---

    @override
    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", None)  # type: ignore[attr-defined]
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a form or save it; one that is refused is shown once more, with the reason."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    @override
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.write(request, obj, form.changes())

    @override
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing, unless a subclass has inlines: `write` has it all."""

    # --- deletion ---

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the objects themselves; what goes with them is for the operation to know."""
        found = list(objs)
        return [str(obj) for obj in found], {model_ngettext(self.opts): len(found)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.remove(request, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as refusal:
            self.message_user(request, words(refusal), messages.ERROR)
            page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(page, args=[quote(object_id)]))

    @action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Ask for confirmation, then delete one by one: a refusal keeps that row only."""
        if not request.POST.get("post"):
            return actions.delete_selected(self, request, queryset)
        self.each(
            request,
            queryset,
            lambda row: self.remove(request, row),
            self.deleted,
            log=lambda row: self.log_deletions(request, [row]),  # type: ignore[arg-type]
        )
        return None

    # --- actions ---

    def each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        operation: Callable[[Any], object],
        done: str,
        *,
        log: Callable[[Any], object] | None = None,
    ) -> None:
        """Run an operation on each row, in a transaction of its own, and say what became of it.

        Args:
            operation: may raise a DomainError, which keeps that row as it is.
            done: what happened to the others, like "completed".
            log: writes the history of a row that it happened to; a plain change by default.
        """
        rows = list(queryset[: MOST_ROWS + 1])
        if len(rows) > MOST_ROWS:
            message = f"Nothing was {done}: select at most {MOST_ROWS} at a time."
            self.message_user(request, message, messages.ERROR)
            return
        refused: list[str] = []
        for row in rows:
            try:
                operation(row)
            except DomainError as refusal:
                refused.append(f"“{row}” was not {done}. {words(refusal)}")
            else:
                log(row) if log else self.log_change(request, row, f"{capfirst(done)}.")
        self._report(request, done, len(rows) - len(refused), refused)

    def _report(self, request: HttpRequest, done: str, count: int, refused: list[str]) -> None:
        if count:
            what = f"{count} {model_ngettext(self.opts, count)} {'was' if count == 1 else 'were'}"
            self.message_user(request, f"{what} {done}.", messages.SUCCESS)
        for message in refused[:_SHOWN_REFUSALS]:
            self.message_user(request, message, messages.ERROR)
        if len(refused) > _SHOWN_REFUSALS:
            message = f"And {len(refused) - _SHOWN_REFUSALS} more were not."
            self.message_user(request, message, messages.ERROR)
