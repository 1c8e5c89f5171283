"""A model from a local file, and its download: by somebody who may not read the keys of the datastore that it is in."""

from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml.entities import Model
from harness import client, result

ml = client()
WEIGHTS = bytes(range(256)) * 64

with TemporaryDirectory() as folder:
    file = Path(folder, "weights.bin")
    file.write_bytes(WEIGHTS)
    ml.models.create_or_update(
        Model(name="weights", version="1", path=str(file), type="custom_model")
    )

with TemporaryDirectory() as folder:
    ml.models.download("weights", version="1", download_path=folder)
    files = [one for one in Path(folder).rglob("*") if one.is_file()]
    same = [one.read_bytes() == WEIGHTS for one in files]

result(
    files=[one.name for one in files],
    same=same,
    credentials=[type(one.credentials).__name__ for one in ml.datastores.list()],
    default=ml.datastores.get_default(include_secrets=True).name,
)
