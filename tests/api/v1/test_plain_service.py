"""The plain service of the article this project began with, as written, over our API."""

from tests.cast import Api


def test_it_serves_the_articles_transcript(as_alice: Api) -> None:
    created = as_alice.post("/tasks", {"title": "Learn Flask"})
    assert created.status == 201
    assert created.body["title"] == "Learn Flask"
    assert created.body["completed"] is False
    task = f"/tasks/{created.body['id']}"

    listed = as_alice.get("/tasks")
    assert listed.status == 200
    assert [row["title"] for row in listed.body["results"]] == ["Learn Flask"]
    assert as_alice.get(task).body == created.body

    completed = as_alice.put(task, {"completed": True})
    assert completed.status == 200
    assert completed.body["completed"] is True
    assert completed.body["title"] == "Learn Flask"

    deleted = as_alice.delete(task)
    assert (deleted.status, deleted.body) == (204, None)
    assert as_alice.get("/tasks").body["results"] == []
