"""What the state machine does with projects, members, labels and comments."""

from typing import Any

from hypothesis import strategies as st

from tests.contract import model_writes
from tests.contract.model import Shown, World
from tests.contract.model_task_actions import TaskActions
from tests.contract.model_wishes import LABELS, ROLES, TITLES, new_id, project_fields


class OtherActions(TaskActions):
    """Each action draws a thing and a user; the base class draws conditions and keys."""

    # --- Projects and members ---

    def make_project(self, data: st.DataObject, user: str, body: dict[str, Any]) -> str:
        def predict(after: World, answer: Any) -> Shown:
            made = body.get("id") or (answer.body["id"] if answer.status == 201 else "")
            return model_writes.create_project(after, user, body, made)

        answer = self.write(data, "create_project", user, ("POST", "/projects", body), predict)
        return str(answer.body.get("id"))

    def create_project(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(TITLES), "name")
        body = {"name": name, **new_id(data.draw, list(self.world.projects))}
        self.make_project(data, data.draw(st.sampled_from(list(self.apis)), "user"), body)

    def on_project(
        self, data: st.DataObject, name: str, request: tuple[str, str, Any], predict: Any
    ) -> None:
        """Do something to a project, or to one that is in the trash in order to restore it."""
        wanted = name == "restore_project"
        projects = self.world.projects
        near = {key: each for key, each in projects.items() if bool(each.deleted_at) is wanted}
        key = self.some(data, near or projects, "project")
        user = self.somebody(data, key, "manage")
        method, path, body = request
        self.write(
            data,
            name,
            user,
            (method, f"/projects/{key}{path}", body),
            lambda after, answer: predict(after, user, key),
            version=projects[key].version if key in projects else 1,
        )

    def delete_project(self, data: st.DataObject) -> None:
        request = ("DELETE", "", None)
        self.on_project(data, "delete_project", request, model_writes.delete_project)

    def restore_project(self, data: st.DataObject) -> None:
        request = ("POST", "/restore", None)
        self.on_project(data, "restore_project", request, model_writes.restore_project)

    def update_project(self, data: st.DataObject) -> None:
        method, body = data.draw(st.sampled_from(["PUT", "PATCH"])), data.draw(project_fields())

        def predict(after: World, user: str, key: str) -> Shown:
            return model_writes.update_project(after, user, key, body)

        self.on_project(data, "update_project", (method, "", body), predict)

    def join(self, data: st.DataObject, user: str, project: str, whom: str, role: str) -> None:
        named = data.draw(st.sampled_from([whom, self.world.users.get(whom, whom)]), "whom")
        self.write(
            data,
            "add_member",
            user,
            ("POST", f"/projects/{project}/members", {"user": named, "role": role}),
            lambda after, answer: model_writes.add_member(after, user, project, whom, role),
        )

    def change_members(self, data: st.DataObject) -> None:
        role = data.draw(st.sampled_from(ROLES), "role")
        what = data.draw(st.sampled_from(["add", "change", "change", "end"]), "what")
        if what == "add":
            self.add_member(data, role)
        elif what == "change":
            body = data.draw(st.sampled_from([{"role": role}, {"role": role}, {}]), "body")
            self.on_member(data, "change_role", "PATCH", body)
        else:
            self.on_member(data, "remove_member", "DELETE", None)

    def add_member(self, data: st.DataObject, role: str) -> None:
        project = self.some(data, self.world.projects, "project")
        members = self.world.projects[project].members if project in self.world.projects else {}
        strangers = [name for name in self.apis if name not in members]
        whom = data.draw(st.sampled_from([*strangers * 3, *self.apis, "nobody"]), "whom")
        self.join(data, self.somebody(data, project, "members"), project, whom, role)

    def on_member(self, data: st.DataObject, name: str, method: str, body: Any) -> None:
        project = self.some(data, self.world.projects, "project")
        members = self.world.projects[project].members if project in self.world.projects else {}
        whom = data.draw(st.sampled_from([*members, *self.apis]), "whom")
        user = data.draw(st.sampled_from([whom, self.somebody(data, project, "members")]), "user")

        def predict(after: World, answer: Any) -> Shown | None:
            if method == "DELETE":
                model_writes.remove_member(after, user, project, whom)
                return None
            return model_writes.change_role(after, user, project, whom, body.get("role"))

        path = f"/projects/{project}/members/{self.world.users[whom]}"
        version = members[whom].version if whom in members else 1
        self.write(data, name, user, (method, path, body), predict, version=version)

    # --- Labels and comments ---

    def on_label(self, data: st.DataObject, name: str, method: str, body: Any) -> None:
        number = data.draw(st.sampled_from(list(self.world.labels)), "label")
        label = self.world.labels[number]
        user = self.somebody(data, label.project, "label")

        def predict(after: World, answer: Any) -> Shown | None:
            if method == "DELETE":
                model_writes.delete_label(after, user, number)
                return None
            return model_writes.rename_label(after, user, number, body.get("name"))

        request = (method, f"/labels/{label.id.seen}", body)
        self.write(data, name, user, request, predict, version=label.version)

    def rename_label(self, data: st.DataObject) -> None:
        wishes: list[dict[str, str]] = [*({"name": name} for name in LABELS), {}]
        body = data.draw(st.sampled_from(wishes), "body")
        self.on_label(data, "rename_label", "PATCH", body)

    def delete_label(self, data: st.DataObject) -> None:
        self.on_label(data, "delete_label", "DELETE", None)

    def create_comment(self, data: st.DataObject) -> None:
        key = self.a_task(data)
        task = self.world.tasks.get(key)
        user = self.somebody(data, task.project if task else "", "comment")
        body = {"body": "At eight.", **new_id(data.draw, list(self.world.comments))}
        self.say(data, user, key, body)

    def say(self, data: st.DataObject, user: str, key: str, body: dict[str, str]) -> None:
        def predict(after: World, answer: Any) -> Shown:
            made = body.get("id") or (answer.body["id"] if answer.status == 201 else "")
            return model_writes.create_comment(after, user, key, body, made)

        self.write(data, "create_comment", user, ("POST", f"/tasks/{key}/comments", body), predict)

    def on_comment(self, data: st.DataObject, name: str, method: str, body: Any) -> None:
        key = self.some(data, self.world.comments, "comment")
        comment = self.world.comments.get(key)
        author = comment.created_by if comment else "alice"
        user = data.draw(st.sampled_from([author] * 4 + list(self.apis)), "user")

        def predict(after: World, answer: Any) -> Shown | None:
            if method == "DELETE":
                model_writes.delete_comment(after, user, key)
                return None
            return model_writes.update_comment(after, user, key, body)

        version = comment.version if comment else 1
        request = (method, f"/comments/{key}", body)
        self.write(data, name, user, request, predict, version=version)

    def update_comment(self, data: st.DataObject) -> None:
        words = data.draw(st.sampled_from(["At eight.", "At nine.", ""]), "words")
        body = {"body": words} if words else {}
        self.on_comment(data, "update_comment", "PATCH", body)

    def delete_comment(self, data: st.DataObject) -> None:
        self.on_comment(data, "delete_comment", "DELETE", None)
