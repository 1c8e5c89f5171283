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

result(
    model=model.path,
    data=data.path,
    models=[one.name for one in ml.models.list(name="churn")],
    version=ml.models.get("churn", version="1").version,
    latest=ml.data.get("customers", version="1").path,
)
