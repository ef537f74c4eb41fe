"""What the state machine does with tasks: to which of them, with what, and by whom."""

from string import ascii_uppercase
from typing import Any

from hypothesis import strategies as st

from tasks.models import Task as TaskRow
from tests.contract import model_tasks, model_writes
from tests.contract.model import Project, Refused, Shown, Unknown, World
from tests.contract.model_machine import ComparingMachine
from tests.contract.model_wishes import REFUSED_BODIES, TITLES, fields, new_id


class TaskActions(ComparingMachine):
    """Each action draws a task and a user; the base class draws conditions and keys."""

    def make_task(self, data: st.DataObject, user: str, body: dict[str, Any]) -> str:
        def predict(after: World, answer: Any) -> Shown:
            found = answer.body if answer.status == 201 else {"id": "", "project": "none"}
            if "project" not in body and after.inbox(user) is None:
                inbox = {"name": "Inbox"}
                model_writes.create_project(after, user, inbox, found["project"], inbox=True)
            return model_tasks.create_task(after, user, body, body.get("id", found["id"]))

        answer = self.write(data, "create_task", user, ("POST", "/tasks", body), predict)
        return str(answer.body.get("id"))

    def create_task(self, data: st.DataObject) -> None:
        project = self.some(data, self.world.projects, "project")
        body = {"title": data.draw(st.sampled_from(TITLES)), **data.draw(fields())}
        if data.draw(st.integers(0, 3), "0 for the inbox"):
            body["project"] = project
        body |= self.relations(data, body.get("project", ""))
        body |= new_id(data.draw, list(self.world.tasks))
        self.make_task(data, self.somebody(data, project, "write"), body)

    def relations(self, data: st.DataObject, project: str) -> dict[str, Any]:
        """Draw a parent and an assignee, most often such as will do."""
        body: dict[str, Any] = {}
        if data.draw(st.booleans(), "a parent?"):
            near = [each.id for each in self.world.tasks.values() if each.project == project]
            known = [*near, *near, *near, *self.world.tasks, None]
            body["parent"] = data.draw(st.sampled_from(known), "parent")
        if data.draw(st.booleans(), "an assignee?"):
            users = [None, *self.world.users.values()]
            body["assignee"] = data.draw(st.sampled_from(users), "assignee")
        return body

    def on_task(
        self,
        data: st.DataObject,
        name: str,
        action: str,
        request: tuple[str, str, Any],
        predict: Any,
        *,
        key: str,
        readable: bool = True,
    ) -> None:
        """Do something to a task; the path of the request follows its own."""
        task = self.world.tasks.get(key)
        method, path, body = request
        other = body.get("project", "") if isinstance(body, dict) else ""
        user = self.somebody(data, task.project if task else "", action, other)
        self.write(
            data,
            name,
            user,
            (method, f"/tasks/{key}{path}", body),
            lambda after, answer: predict(after, user, key),
            version=task.version if task else 1,
            readable=readable,
        )

    def a_task(self, data: st.DataObject, *, trashed: bool = False) -> str:
        """Draw a task, most often one that is in the trash, or one that is not."""
        tasks = self.world.tasks
        fitting = [key for key, task in tasks.items() if bool(task.deleted_at) is trashed]
        any_task = data.draw(st.integers(0, 3), "0 for any task") == 0
        if fitting and not any_task:
            return data.draw(st.sampled_from(fitting), "task")
        return self.some(data, tasks, "task")

    def update_task(self, data: st.DataObject) -> None:
        key = self.a_task(data)
        task = self.world.tasks.get(key)
        method = data.draw(st.sampled_from(["PUT", "PATCH"]), "method")
        body = data.draw(fields(), "body")
        body |= self.relations(data, task.project if task else "")

        def predict(after: World, user: str, key: str) -> Shown:
            return model_tasks.update_task(after, user, key, body)

        self.on_task(data, "update_task", "write", (method, "", body), predict, key=key)

    def say_it_again(self, data: st.DataObject) -> None:
        """A body that says what is there changes nothing, labels in another case included."""
        method = data.draw(st.sampled_from(["PUT", "PATCH"]), "method")
        key = data.draw(st.sampled_from(list(self.world.tasks)), "task")
        shown = self.world.show_task(self.world.tasks[key])
        names = ("title", "status", "completed", "due_date", "due_time", "parent", "assignee")
        body = {name: shown[name] for name in (*names, "external_id", "metadata")}
        body["labels"] = [name.upper() for name in reversed(shown["labels"])]

        def predict(after: World, user: str, key: str) -> Shown:
            version = after.tasks[key].version
            same = model_tasks.update_task(after, user, key, body)
            assert same["version"] == version
            return same

        self.on_task(data, "say_it_again", "write", (method, "", body), predict, key=key)

    def misspell(self, data: st.DataObject) -> None:
        body = data.draw(st.sampled_from(REFUSED_BODIES), "body")

        def predict(after: World, user: str, key: str) -> Shown:
            raise Refused(400, "validation_failed")

        key = self.a_task(data)
        request = ("PATCH", "", body)
        self.on_task(data, "misspell", "write", request, predict, key=key, readable=False)

    def delete_task(self, data: st.DataObject) -> None:
        key = self.a_task(data)
        request = ("DELETE", "", None)
        self.on_task(data, "delete_task", "write", request, model_tasks.delete_task, key=key)

    def restore_task(self, data: st.DataObject) -> None:
        key = self.a_task(data, trashed=True)
        request = ("POST", "/restore", None)
        self.on_task(data, "restore_task", "write", request, model_tasks.restore_task, key=key)

    def purge_task(self, data: st.DataObject) -> None:
        key = self.a_task(data, trashed=True)
        request = ("DELETE", "?purge=true", None)
        self.on_task(data, "purge_task", "purge", request, model_tasks.purge_task, key=key)

    def move(self, data: st.DataObject, name: str, key: str, to: dict[str, Any]) -> None:
        def predict(after: World, user: str, key: str) -> Shown:
            shown = model_tasks.move_task(after, user, key, to)
            found = self.all_of(user, after.tasks[key].project)
            model_tasks.take_new_keys(after, key, found)
            return shown

        readable = bool(to) and not {"after", "before"} <= to.keys()
        request = ("POST", "/move", to)
        self.on_task(data, name, "write", request, predict, key=key, readable=readable)

    def neighbour(self, data: st.DataObject, project: str, key: str) -> str | None:
        """Draw a task of a project, most often one that is live and not the one moved."""
        near = [
            each.id
            for each in self.world.tasks.values()
            if each.project == project and not each.deleted_at and each.id != key
        ]
        known = [*near * 6, None, None, *self.world.tasks]
        return data.draw(st.sampled_from(known), "neighbour")

    def move_beside(self, data: st.DataObject) -> None:
        key, side = self.a_task(data), data.draw(st.sampled_from(["after", "before"]), "side")
        project = self.world.tasks[key].project if key in self.world.tasks else ""
        to = {side: self.neighbour(data, project, key)}
        if data.draw(st.integers(0, 15), "0 for a contradiction") == 0:
            to |= {"after": None, "before": None}
        self.move(data, "move_beside", key, to)

    def move_under(self, data: st.DataObject) -> None:
        key = self.a_task(data)
        project = self.world.tasks[key].project if key in self.world.tasks else ""
        to = {"parent": self.neighbour(data, project, key)}
        if data.draw(st.booleans(), "beside somebody, too?"):
            to["after"] = self.neighbour(data, project, key)
        self.move(data, "move_under", key, to)

    def move_to_project(self, data: st.DataObject) -> None:
        key = self.a_task(data)
        task, world = self.world.tasks.get(key), self.world
        writers = [user for user in self.apis if task and world.may(user, task.project, "write")]
        shared = {
            each: project
            for each, project in world.projects.items()
            if task
            and each != task.project
            and not project.deleted_at
            and any(world.may(user, each, "write") for user in writers)
        }
        target = self.some(data, shared or world.projects, "target")
        to: dict[str, Any] = {"project": target}
        for name in data.draw(st.sampled_from([(), (), ("before",), ("parent", "after")])):
            to[name] = self.neighbour(data, to["project"], key)
        self.move(data, "move_to_project", key, to)

    def crowd(self, data: st.DataObject) -> None:
        projects = list(self.world.projects.values())
        self.crowd_project(data.draw(st.sampled_from(projects), "project"))
        self.counts["crowd", 0, ""] += 1

    def crowd_project(self, project: Project) -> None:
        """Leave the keys as a hundred moves into the same gaps do: without room between any two."""
        for prefix in ("6", "7"):  # first out of the way, since each key may be there once only
            for index, key in enumerate(project.order, start=1):
                position = f"{prefix}{'V' * 22}{ascii_uppercase[index]}"
                TaskRow.objects.filter(pk=key).update(position=position)
        for key in project.order:
            self.world.tasks[key].position = Unknown()
