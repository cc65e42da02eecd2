import json
import logging
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsbench.errors import DownloadError, ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.inat2018 import index as inat2018_index
from rsbench_datasets.inat2018 import json_items as inat2018_json
from rsbench_datasets.inat2018 import release as inat2018_files
from rsbench_datasets.inat2018.json_items import read_members
from rsbench_datasets.inat2018.target import SUPERCATEGORIES, INat2018
from rsbench_datasets.inat2018.taxonomy import LEVELS

RANKS = ("supercategory", "kingdom", "phylum", "class", "order", "family", "genus", "name")
TAXA = (  # by category id; the sorted names are in another order
    "Plantae Plantae Tracheophyta Magnoliopsida Ericales Ericaceae Pieris|Pieris japonica",
    "Insecta Animalia Arthropoda Insecta Lepidoptera Pieridae Pieris|Pieris brassicae",
    "Insecta Animalia Arthropoda Insecta Lepidoptera Pieridae Colias|Colias croceus",
    "Plantae Plantae Tracheophyta Magnoliopsida Ericales Ericaceae Erica|Erica carnea",
)
CATEGORIES = [
    dict(zip(RANKS, (*text.split("|")[0].split(), text.split("|")[1]), strict=True)) | {"id": id_}
    for id_, text in enumerate(TAXA)
]
HIDDEN = [
    {"id": each["id"], "name": str(each["id"]), "supercategory": each["supercategory"]}
    for each in CATEGORIES
]
TRAIN_COUNTS, TEST_COUNTS = (3, 1, 2, 1), (1, 1, 1, 1)
NAMES = ("Colias croceus", "Erica carnea", "Pieris brassicae", "Pieris japonica")

Tree = Callable[..., Path]


def entries(split: str, counts: tuple[int, ...]) -> list[tuple[str, int]]:
    """Paths and category ids in an order that is not that of the paths."""
    listed = [
        (f"{CATEGORIES[category]['supercategory']}/{category}/{split}{n}.jpg", category)
        for category, count in enumerate(counts)
        for n in range(count)
    ]
    return listed[1:] + listed[:1]


def annotations(listed: list[tuple[str, int]], categories: Any = HIDDEN) -> dict[str, Any]:
    images = [
        {"license": 3, "file_name": f"train_val2018/{path}", "rights_holder": 'Ruth "X"', "id": n}
        for n, (path, _) in enumerate(listed, start=100)
    ]
    labels = [
        {"id": n, "image_id": n, "category_id": category}
        for n, (_, category) in enumerate(listed, start=100)
    ]
    info = {"year": 2018, "description": "a [list], {an object}"}
    return {
        "info": info, "images": images, "licenses": [], "annotations": labels[::-1],
        "categories": categories,
    }  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path, make_image: Callable[..., Path]) -> Tree:
    """Writes the data set in one of its layouts; returns its folder."""

    def make(
        name: str = "inat2018",
        images: str = "train_val2018",
        lists: str = "",
        prefix: str = "",
        **changes: Any,
    ) -> Path:
        root = tmp_path / name
        root.mkdir(parents=True)
        (root / "categories.json").write_text(json.dumps(CATEGORIES))
        splits = (("train", "train2018", TRAIN_COUNTS), ("val", "val2018", TEST_COUNTS))
        for split, file, counts in splits:
            listed = entries(split, counts)
            for seed, (path, _) in enumerate(listed):
                make_image(root / images / path, (6, 4), seed + 50 * len(file))
            if lists:
                target = root / lists / f"iNaturalist18_{split}.txt"
                target.parent.mkdir(parents=True, exist_ok=True)
                lines = [f"{prefix}{path} {category}" for path, category in listed]
                target.write_text("\n".join(lines) + "\n")
            else:
                content = annotations(listed) | changes.get(split, {})
                (root / f"{file}.json").write_text(json.dumps(content))
        return root

    return make


def opened(folders: Folders, **options: Any) -> INat2018:
    return INat2018.open("inat", INat2018.Options.model_validate(options), folders)


@pytest.fixture
def here(folders: Folders, tmp_path: Path) -> Folders:
    """Folders whose data folder is the one that ``tree`` writes to."""
    return Folders(data=tmp_path, cache=folders.cache, base=tmp_path)


class TestReading:
    @pytest.mark.parametrize("window", [1, 7, 1 << 20])
    def test_members_are_those_of_a_whole_parse(
        self, window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inat2018_json, "_WINDOW", window)
        content = {
            "a": [1, -2.5e3, 1e25, 'é\n"]', {"b": [[], {}, None]}, True],
            "c": {"d": [1, 2]},
            "e": 12345,
            "f": [],
        }
        file = tmp_path / "file.json"
        for indent in (None, 2):
            file.write_text(json.dumps(content, indent=indent), encoding="utf-8")
            found = list(read_members(file))
            assert found == [
                *(("a", each) for each in content["a"]),  # type: ignore[attr-defined]
                ("c", content["c"]),
                ("e", 12345),
            ]

    def test_an_empty_object_has_no_member(self, tmp_path: Path) -> None:
        (tmp_path / "file.json").write_text(" {} ")
        assert list(read_members(tmp_path / "file.json")) == []

    @pytest.mark.parametrize(
        "text", ["", "[1]", '{"a": [1, 2', '{"a": [1 2]}', '{"a" 1}', "{3: 1}", '{"a": [{"b"]}']
    )
    def test_a_file_that_is_cut_off_or_no_object(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "file.json"
        file.write_text(text)
        with pytest.raises(TargetError, match="no complete JSON object") as error:
            list(read_members(file))
        assert error.value.where == str(file)

    def test_other_encodings(self, tmp_path: Path) -> None:
        (tmp_path / "file.json").write_bytes('{"a": "é"}'.encode("latin-1"))
        with pytest.raises(TargetError, match="no complete JSON object"):
            list(read_members(tmp_path / "file.json"))


class TestOpening:
    def test_labels_are_ranks_of_the_sorted_names(self, tree: Tree, here: Folders) -> None:
        root = tree()
        target = opened(here)
        assert target.class_names == NAMES
        assert target.train.counts(4).tolist() == [2, 1, 1, 3]
        assert target.test.counts(4).tolist() == [1, 1, 1, 1]
        assert target.train.ids == tuple(sorted(path for path, _ in entries("train", TRAIN_COUNTS)))
        by_id = dict(zip(target.train.ids, target.train.labels.tolist(), strict=True))
        assert by_id["Insecta/2/train1.jpg"] == 0
        assert by_id["Plantae/0/train2.jpg"] == 3
        assert target.streams
        assert target.remarks == ()
        from rsbench.images import read_rgb

        file = root / "train_val2018" / target.test.ids[2]
        assert np.array_equal(target.read("test", 2), read_rgb(file))

    @pytest.mark.parametrize("images", ["train_val2018", "", "2018"])
    def test_images_with_and_without_the_official_folder(
        self, images: str, tree: Tree, here: Folders
    ) -> None:
        tree(images=images)
        assert opened(here).read("train", 6).shape == (4, 6, 3)

    @pytest.mark.parametrize("lists", [".", "datasets/iNaturalist18"])
    @pytest.mark.parametrize("prefix", ["", "train_val2018/"])
    def test_the_released_lists_give_the_same_target(
        self, lists: str, prefix: str, tree: Tree, here: Folders
    ) -> None:
        tree("official")
        expected = opened(here, root="official")
        tree(lists=lists, prefix=prefix)
        target = opened(here)
        assert target.train.ids == expected.train.ids
        assert target.content_hash == expected.content_hash

    def test_the_index_can_be_chosen(self, tree: Tree, here: Folders) -> None:
        root = tree()
        (root / "iNaturalist18_train.txt").write_text("Insecta/1/train0.jpg 1\n")
        assert len(opened(here, index="annotations").train) == 7
        with pytest.raises(NotPreparedError, match="index of its val split"):
            opened(here, index="lists")

    def test_groups_follow_the_training_counts(
        self, tree: Tree, here: Folders, make_image: Callable[..., Path]
    ) -> None:
        counts = (101, 100, 20, 19)
        listed = entries("train", counts)
        root = tree(train=annotations(listed))
        first = make_image(root / "train_val2018" / listed[0][0])
        for path, _ in listed[1:]:
            shutil.copyfile(first, root / "train_val2018" / path)
        groups = opened(here).groups
        assert groups.head == (NAMES.index("Pieris japonica"),)
        assert groups.medium == (NAMES.index("Colias croceus"), NAMES.index("Pieris brassicae"))
        assert groups.tail == (NAMES.index("Erica carnea"),)
        upper = opened(here, level="kingdom").groups
        assert (upper.head, upper.medium, upper.tail) == ((0, 1), (), ())

    def test_groups_by_another_rule(self, tree: Tree, here: Folders) -> None:
        tree()
        assert opened(here).groups.tail == (0, 1, 2, 3)
        assert opened(here, groups={"rule": "thirds"}).groups.head == (3,)

    @pytest.mark.parametrize(
        ("level", "names"),
        [
            ("genus", ("Colias", "Erica", "Pieris")),
            ("family", ("Ericaceae", "Pieridae")),
            ("order", ("Ericales", "Lepidoptera")),
            ("class", ("Insecta", "Magnoliopsida")),
            ("phylum", ("Arthropoda", "Tracheophyta")),
            ("kingdom", ("Animalia", "Plantae")),
            ("supercategory", ("Insecta", "Plantae")),
        ],
    )
    def test_levels(self, level: str, names: tuple[str, ...], tree: Tree, here: Folders) -> None:
        tree()
        target = opened(here, level=level)
        assert target.class_names == names
        assert target.train.counts(len(names)).sum() == 7

    def test_one_name_for_two_taxa_is_told(self, tree: Tree, here: Folders) -> None:
        tree()
        (remark,) = opened(here, level="genus").remarks
        assert "1 names of genus stand for several taxa" in remark
        assert remark.endswith("Pieris")
        assert opened(here, level="family").remarks == ()

    def test_names_of_the_annotations_serve_where_they_are_true(
        self, tree: Tree, here: Folders
    ) -> None:
        root = tree(train={"categories": CATEGORIES})
        before = opened(here).content_hash
        (root / "categories.json").unlink()
        assert opened(here).content_hash == before

    def test_every_level_of_the_options_is_known(self) -> None:
        for level in LEVELS:
            assert INat2018.Options.model_validate({"level": level}).level == level  # type: ignore[attr-defined]


class TestCache:
    @pytest.fixture
    def parsed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Names of the annotation files that were parsed, in order."""
        files: list[str] = []
        plain = inat2018_index._from_annotations

        def parse(file: Path) -> inat2018_index.Records:
            files.append(file.name)
            return plain(file)

        monkeypatch.setattr(inat2018_index, "_from_annotations", parse)
        return files

    def test_an_index_is_parsed_once(
        self, parsed: list[str], tree: Tree, here: Folders, tmp_path: Path
    ) -> None:
        root = tree()
        first = opened(here)
        second = opened(here)
        assert parsed == ["train2018.json", "val2018.json"]
        assert second.content_hash == first.content_hash
        assert second.train.ids == first.train.ids
        root.rename(tmp_path / "elsewhere")
        assert opened(here, root="elsewhere").content_hash == first.content_hash
        assert len(parsed) == 2  # it is known by its content, wherever it lies

    def test_another_content_is_parsed(self, parsed: list[str], tree: Tree, here: Folders) -> None:
        root = tree()
        opened(here)
        listed = entries("train", TRAIN_COUNTS)[1:]
        (root / "train2018.json").write_text(json.dumps(annotations(listed)))
        assert len(opened(here).train) == 6
        assert parsed == ["train2018.json", "val2018.json", "train2018.json"]

    def test_a_damaged_one_is_made_anew(
        self, parsed: list[str], tree: Tree, here: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        tree()
        before = opened(here).content_hash
        for file in (here.cache / "inat2018").iterdir():
            file.write_bytes(file.read_bytes()[:-30])
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            assert opened(here).content_hash == before
        assert len(parsed) == 4
        assert "is damaged and is made anew" in caplog.text

    def test_a_cache_that_cannot_be_written(
        self, tree: Tree, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        tree()
        (tmp_path / "occupied").touch()
        folders = Folders(data=tmp_path, cache=tmp_path / "occupied", base=tmp_path)
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            assert len(opened(folders).train) == 7
        assert "cannot keep the parsed index" in caplog.text


class TestDefects:
    def test_nothing_is_there(self, folders: Folders) -> None:
        with pytest.raises(NotPreparedError, match="index of its train split is not") as error:
            opened(folders)
        assert error.value.command == "rsbench data prepare inat2018"
        assert error.value.where == str(folders.data / "inat2018")

    def test_no_images(self, tree: Tree, here: Folders) -> None:
        shutil.rmtree(tree() / "train_val2018")
        with pytest.raises(NotPreparedError, match="images are not there"):
            opened(here)

    def test_hidden_names(self, tree: Tree, here: Folders) -> None:
        (tree() / "categories.json").unlink()
        with pytest.raises(NotPreparedError, match="hide the names"):
            opened(here)

    def test_lists_need_the_categories(self, tree: Tree, here: Folders) -> None:
        (tree(lists=".") / "categories.json").unlink()
        with pytest.raises(NotPreparedError, match=r"categories\.json is not there"):
            opened(here)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"annotations": []}, "7 images have no annotation"),
            ({"images": []}, "7 images have no annotation, or annotations no image"),
            ({"images": [{"id": 1}]}, "an entry of 'images'"),
            ({"annotations": [{"image_id": "x", "category_id": 1}]}, "an entry of 'annotations'"),
            ({"images": [{"id": 1, "file_name": "a/b.jpg"}] * 2}, "several images have the id 1"),
        ],
    )
    def test_annotations_that_do_not_fit(
        self, changes: dict[str, Any], message: str, tree: Tree, here: Folders
    ) -> None:
        root = tree(train=changes)
        with pytest.raises(TargetError, match=message) as error:
            opened(here)
        assert error.value.where == str(root / "train2018.json")

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("Insecta/1/train0.jpg", "not a path and a category"),
            ("Insecta/1/train0.jpg one", "not a path and a category"),
            ("Insecta/1/train0.jpg 1", "listed twice"),
            ("../secret.jpg 1", "leads out of the image folder"),
            ("Insecta/1/other.jpg 9", "category 9, which is not in the list"),
        ],
    )
    def test_lines_that_do_not_fit(
        self, line: str, message: str, tree: Tree, here: Folders
    ) -> None:
        file = tree(lists=".") / "iNaturalist18_train.txt"
        file.write_text(file.read_text() + line + "\n")
        with pytest.raises(TargetError, match=message) as error:
            opened(here)
        assert str(error.value.where).startswith(str(file))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{}", "no list of categories"),
            ("[1]", "no list of categories"),
            ("[", "no JSON"),
            (json.dumps([{"id": 0, "genus": "Erica"}]), "lacks its 'name'"),
            (json.dumps([{"name": "Erica carnea"}]), "lacks its 'id'"),
            (json.dumps([CATEGORIES[0], CATEGORIES[0]]), "two categories have the id 0"),
        ],
    )
    def test_categories_that_are_wrong(
        self, content: str, message: str, tree: Tree, here: Folders
    ) -> None:
        file = tree() / "categories.json"
        file.write_text(content)
        with pytest.raises(TargetError, match=message) as error:
            opened(here)
        assert error.value.where == str(file)

    def test_a_missing_and_an_empty_image(self, tree: Tree, here: Folders) -> None:
        file = tree() / "train_val2018" / "Insecta" / "2" / "train1.jpg"
        file.unlink()
        with pytest.raises(ImageError, match=r"does not exist \(listed in train2018.json\)"):
            opened(here)
        file.touch()
        with pytest.raises(ImageError, match="is empty"):
            opened(here)


class TestPreparing:
    def prepared(self, folders: Folders, source: Path | None, **more: Any) -> Path:
        return INat2018.prepare(INat2018.Options(), folders, source=source, **more)

    def test_files_of_the_official_layout_are_linked(self, tree: Tree, folders: Folders) -> None:
        source = tree("mine")
        for _ in range(2):
            root = self.prepared(folders, source)
        assert root == folders.data / "inat2018"
        assert sorted(each.name for each in root.iterdir() if each.is_symlink()) == [
            "categories.json", "train2018.json", "train_val2018", "val2018.json",
        ]  # fmt: skip
        assert opened(folders).read("train", 0).shape == (4, 6, 3)

    def test_a_release_with_lists_is_linked(self, tree: Tree, folders: Folders) -> None:
        source = tree("mine", images="data/inat2018", lists="datasets/iNaturalist18")
        self.prepared(folders, source)
        assert len(opened(folders).train) == 7

    def test_archives_are_unpacked(self, tree: Tree, folders: Folders, tmp_path: Path) -> None:
        source = tree("mine")
        expected = opened(folders, root=str(source)).content_hash
        packed = tmp_path / "packed"
        packed.mkdir()
        for each in sorted(source.iterdir()):
            with tarfile.open(packed / f"{each.name}.tar.gz", "w:gz") as archive:
                archive.add(each, each.name)
        root = self.prepared(folders, packed)
        assert opened(folders).content_hash == expected
        assert sorted(each.name for each in root.iterdir()) == sorted(
            each.name for each in source.iterdir()
        )

    def test_downloads_fetch_what_is_missing_and_keep_no_archive(
        self, tree: Tree, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import rsbench.fetch

        source = tree("server")
        fetched: list[str] = []

        def fetch(remote: rsbench.fetch.RemoteFile, folder: Path, progress: Any) -> Path:
            fetched.append(remote.name)
            folder.mkdir(parents=True, exist_ok=True)
            name = remote.name.removesuffix(".tar.gz")
            with tarfile.open(folder / remote.name, "w:gz") as archive:
                archive.add(source / name, name)
            return folder / remote.name

        room: list[int] = []
        monkeypatch.setattr(rsbench.fetch, "fetch", fetch)
        monkeypatch.setattr(
            rsbench.fetch, "check_space", lambda _, size, what, **__: room.append(size)
        )
        for _ in range(2):
            root = self.prepared(folders, None)
        assert fetched == [
            "categories.json.tar.gz", "val2018.json.tar.gz", "train2018.json.tar.gz",
            "train_val2018.tar.gz",
        ]  # fmt: skip
        assert room[0] > 2 * 127e9
        assert room[1] == 0
        assert not (root / "archives").exists()
        assert len(opened(folders).train) == 7

    def test_offline_all_archives_are_named(
        self, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import rsbench.fetch

        monkeypatch.setenv("RSBENCH_OFFLINE", "1")
        monkeypatch.setattr(rsbench.fetch, "check_space", lambda *_, **__: None)
        with pytest.raises(DownloadError) as caught:
            self.prepared(folders, None)
        for name in ("categories.json", "val2018.json", "train2018.json", "train_val2018"):
            assert str(folders.data / "inat2018/archives" / f"{name}.tar.gz") in caught.value.remedy

    def test_the_wrong_folder(self, folders: Folders, tmp_path: Path, tree: Tree) -> None:
        with pytest.raises(TargetError, match=r"neither train2018\.json nor"):
            self.prepared(folders, tmp_path)
        source = tree("mine")
        shutil.rmtree(source / "train_val2018")
        with pytest.raises(TargetError, match="no images here"):
            self.prepared(folders, source)

    def test_a_source_without_names_is_told_at_once(self, folders: Folders, tree: Tree) -> None:
        source = tree("mine")
        (source / "categories.json").unlink()
        with pytest.raises(NotPreparedError, match="hide the names"):
            self.prepared(folders, source)

    def test_no_split_is_taken(self, folders: Folders, tmp_path: Path) -> None:
        with pytest.raises(TargetError, match="prepared whole"):
            self.prepared(folders, tmp_path, split="train")


class TestFacts:
    def test_supercategories_add_up_to_the_known_totals(self) -> None:
        known = INat2018.known_counts(INat2018.Options.model_validate({"level": "supercategory"}))
        assert known is not None
        assert known.train is not None
        assert known.test is not None
        assert known.totals == {"train": 437_513, "test": 24_426}
        assert sum(known.train.values()) == known.totals["train"]
        assert sum(known.test.values()) == known.totals["test"] == 3 * 8142
        assert list(known.train) == list(SUPERCATEGORIES)

    def test_other_levels_know_the_totals(self) -> None:
        known = INat2018.known_counts(INat2018.Options())
        assert known is not None
        assert known.train is None
        assert known.totals == {"train": 437_513, "test": 24_426}

    def test_archives_have_the_addresses_and_sums_that_torchvision_has(self) -> None:
        from torchvision.datasets.inaturalist import DATASET_MD5, DATASET_URLS

        files = inat2018_files.remote_files()
        images = {each.name: each for each in files}["train_val2018.tar.gz"]
        assert (images.url, images.md5) == (DATASET_URLS["2018"], DATASET_MD5["2018"])
        assert all(each.sha256 and each.size for each in files)
        assert Counter(bool(each.md5) for each in files) == {True: 3, False: 1}
