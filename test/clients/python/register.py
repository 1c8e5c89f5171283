"""A model and a data asset from local files."""

from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml.entities import Data, Model
from harness import client, result

ml = client()

with TemporaryDirectory() as folder:
    model_folder = Path(folder, "model")
    model_folder.mkdir()
    (model_folder / "weights.bin").write_bytes(bytes(range(256)) * 64)
    (model_folder / "config.json").write_text("{}\n")
    model = ml.models.create_or_update(
        Model(name="churn", version="1", path=str(model_folder), type="custom_model")
    )

    table = Path(folder, "table.csv")
    table.write_text("a,b\n1,2\n")
    data = ml.data.create_or_update(
        Data(name="customers", version="1", path=str(table), type="uri_file")
    )

read = ml.models.get("churn", version="1")
stamp = read.tags.get("harness.principal")
read.tags["team"] = "risk"
changed = ml.models.create_or_update(read)
# a version of its own, with the tags of the first one
copied = ml.models.create_or_update(
    Model(name="churn-copy", version="1", path=model.path, type="custom_model", tags=read.tags)
)

result(
    stamped=stamp is not None,
    kept=changed.tags.get("harness.principal") == stamp and changed.tags.get("team") == "risk",
    anew=copied.tags.get("harness.decision") not in (None, read.tags["harness.decision"]),
    model=model.path,
    data=data.path,
    models=[one.name for one in ml.models.list(name="churn")],
    version=ml.models.get("churn", version="1").version,
    latest=ml.data.get("customers", version="1").path,
)
