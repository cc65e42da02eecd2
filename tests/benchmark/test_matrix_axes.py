"""Further axes of a matrix: their cells, settings, conditions and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from matrix_files import MatrixFiles

from rsbench.errors import MatrixError, SettingsError
from rsbench.matrix import MatrixWarning
from rsbench.matrix.combinations import all_labels, number_of_labels
from rsbench.matrix.expand import expand
from rsbench.matrix.labels import Labels
from rsbench.matrix.select import filter_cells, parse_only

HEAD = """\
name: mine
targets: [air]
backbones: [vit]
methods: [lora, lora+metapeft]
seeds: [0]
"""
POSITIONS = "  position: {q: {method: {positions: [q]}}, qk: {method: {positions: [q, k]}}}\n"
RANKS = "  rank: {set: method.rank, to: [2, 8]}\n"
RATIOS = "  ratio: {set: metapeft.ratio, to: [0.1, 0.3]}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MatrixFiles:
    return MatrixFiles(tmp_path, monkeypatch)


class TestProduct:
    def test_every_combination_in_the_order_of_the_file(self, files: MatrixFiles) -> None:
        assert files.labels(HEAD + "axes:\n" + POSITIONS + RANKS) == [
            f"air / vit / {method} / position={position} / rank={rank} / seed 0"
            for position in ("q", "qk")
            for rank in (2, 8)
            for method in ("lora", "lora+metapeft")
        ]

    def test_cells_have_the_settings_and_the_labels_of_their_place(
        self, files: MatrixFiles
    ) -> None:
        for cell in files.cells(HEAD + "axes:\n" + POSITIONS + RANKS):
            assert cell.method.options["positions"] == list(cell.axes["position"])
            assert str(cell.method.options["rank"]) == cell.axes["rank"]
            assert dict(Labels.of(cell).axes) == cell.axes

    def test_seeds_stay_whole(self, files: MatrixFiles) -> None:
        cells = files.cells(HEAD.replace("[0]", "[0, 1]") + "axes:\n" + RANKS)
        assert [cell.seed for cell in cells] == 4 * [0] + 4 * [1]

    @pytest.mark.parametrize(
        ("written", "labels", "numbers"),
        [
            ("[1, 2]", ("1", "2"), (1.0, 2.0)),
            ("[0.0625, 1e-5, 1.0]", ("0.0625", "1e-05", "1.0"), (0.0625, 1e-5, 1.0)),
            ("[-1, 2]", ("-1", "2"), (-1.0, 2.0)),
            ("[true, false]", ("true", "false"), None),
            ("[pass, 3]", ("pass", "3"), None),
            ("[rule, '4']", ("rule", "4"), None),
            ("[nan, inf]", ("nan", "inf"), None),
        ],
    )
    def test_labels_of_the_short_form(
        self, files: MatrixFiles, written: str, labels: tuple[str, ...], numbers: object
    ) -> None:
        axis = f"axes: {{x: {{set: method.anything.deep, to: {written}}}}}\n"
        document = files.load(HEAD + axis).document
        assert document.axis_values() == {"x": labels}
        assert document.axis_numbers().get("x") == numbers
        options = document.axes["x"][labels[1]].method["anything"]
        assert isinstance(options, dict)
        assert list(options) == ["deep"]

    def test_a_value_may_be_called_set(self, files: MatrixFiles) -> None:
        text = HEAD + "axes: {rank: {set: {method: {rank: 2}}, to: {method: {rank: 3}}}}\n"
        assert {cell.axes["rank"] for cell in files.cells(text)} == {"set", "to"}


class TestPlainMethods:
    def test_a_plain_method_has_no_place_on_an_axis_of_metapeft(self, files: MatrixFiles) -> None:
        assert files.labels(HEAD + "axes:\n" + RATIOS + RANKS) == [
            *(f"air / vit / lora / rank={rank} / seed 0" for rank in (2, 8)),
            *(
                f"air / vit / lora+metapeft / ratio={ratio} / rank={rank} / seed 0"
                for ratio in (0.1, 0.3)
                for rank in (2, 8)
            ),
        ]

    def test_unless_an_override_changes_more_there(self, files: MatrixFiles) -> None:
        text = HEAD + "axes:\n" + RATIOS
        text += "overrides: [{when: {ratio: 0.3}, recipe: {epochs: 3}}]\n"
        plain = [cell for cell in files.cells(text) if cell.metapeft is None]
        assert [(cell.axes["ratio"], cell.recipe.epochs) for cell in plain] == [
            ("0.1", 10),
            ("0.3", 3),
        ]


class TestInclude:
    def test_a_block_without_axes_is_a_reference(self, files: MatrixFiles) -> None:
        text = HEAD.replace("[lora, lora+metapeft]", "[lora]") + "axes:\n" + RANKS
        text += "include: [{methods: [linear], axes: {}}, {methods: [lora], axes: {}}]\n"
        assert files.labels(text) == [
            "air / vit / lora / seed 0",
            "air / vit / linear / seed 0",
            "air / vit / lora / rank=2 / seed 0",
            "air / vit / lora / rank=8 / seed 0",
        ]

    def test_a_block_may_state_some_values(self, files: MatrixFiles) -> None:
        text = HEAD.replace("[lora, lora+metapeft]", "[lora]") + "axes:\n" + POSITIONS + RANKS
        text += "include: [{axes: {rank: 8, position: q}, seeds: [1]}]\n"
        extra = [cell.axes for cell in files.cells(text) if cell.seed == 1]
        assert extra == [{"position": "q", "rank": "8"}]

    def test_a_cell_that_is_there_already_is_kept_once(self, files: MatrixFiles) -> None:
        text = HEAD + "axes:\n" + RANKS + "include: [{axes: {rank: [8]}}]\n"
        assert len(files.cells(text)) == 4


class TestConditions:
    def test_exclude(self, files: MatrixFiles) -> None:
        text = HEAD + "axes:\n" + POSITIONS + RANKS + "exclude: [{position: qk, rank: [8]}]\n"
        places = {(cell.axes["position"], cell.axes["rank"]) for cell in files.cells(text)}
        assert places == {("q", "2"), ("q", "8"), ("qk", "2")}

    def test_an_axis_varies_what_other_overrides_settle(self, files: MatrixFiles) -> None:
        """An override that names no axis comes before the axes, one that names one after them."""
        text = HEAD + "axes:\n  rate: {set: recipe.learning_rate, to: [0.1, 0.2]}\n"
        text += "overrides:\n"
        text += "  - {when: {rate: 0.2, metapeft: true}, recipe: {learning_rate: 0.3}}\n"
        text += "  - {when: {method: lora}, recipe: {learning_rate: 0.7, epochs: 2}}\n"
        found = [(c.recipe.learning_rate, c.recipe.epochs) for c in files.cells(text)]
        assert found == [(0.1, 2), (0.1, 2), (0.2, 2), (0.3, 2)]

    def test_later_axes_win(self, files: MatrixFiles) -> None:
        text = HEAD + "axes:\n" + RANKS + "  other: {a: {}, b: {method: {rank: 5}}}\n"
        ranks = [cell.method.options["rank"] for cell in files.cells(text)]
        assert ranks == [2, 2, 5, 5, 8, 8, 5, 5]

    def test_a_cell_without_a_place_does_not_match(self, files: MatrixFiles) -> None:
        text = HEAD + "axes:\n" + RATIOS + "exclude: [{ratio: 0.1}]\n"
        assert [cell.axes for cell in files.cells(text)] == [{}, {"ratio": "0.3"}]

    @pytest.mark.parametrize(
        ("rule", "message", "remedy"),
        [
            ("exclude: [{rank: 3}]", "exclude[0].rank: no rank of this matrix is called '3'", "2"),
            ("exclude: [{rnak: 2}]", "exclude[0].rnak: there is no such field or axis", "'rank'"),
            (
                "overrides: [{when: {rank: [2, 9]}, recipe: {epochs: 2}}]",
                "overrides[0].when.rank: no rank of this matrix is called '9'",
                "known: 2, 8",
            ),
            ("include: [{axes: {rank: [4]}}]", "include[0].axes.rank: no rank", "known: 2, 8"),
            ("include: [{axes: {rnk: [4]}}]", "include[0].axes.rnk: there is no such", "'rank'"),
            ("exclude: [{rank: {a: 1}}]", "must be a label", ""),
        ],
    )
    def test_unknown_names(self, files: MatrixFiles, rule: str, message: str, remedy: str) -> None:
        error = files.error(HEAD + "axes:\n" + RANKS + rule + "\n")
        assert message in error.what
        assert remedy in error.remedy
        assert str(error.where).endswith("mine.yaml:8")


class TestMistakes:
    @pytest.mark.parametrize(
        ("axes", "message"),
        [
            ("  method: {a: {}}", "axes.method: an axis cannot be called 'method'"),
            ("  'a b': {a: {}}", "is no label"),
            ("  a: {'x y': {}}", "is no label"),
            ("  a: {}", "axes.a: "),
            ("  a:", "axes.a: must be a mapping"),
            ("  a: [1, 2]", "axes.a: must be a mapping"),
            ("  a: {x: {methd: {rank: 2}}}", "axes.a.x.methd: there is no such field"),
            ("  a: {x: {recipe: {epcohs: 2}}}", "axes.a.x.recipe.epcohs: there is no such"),
            ("  a: {set: method.rank}", "axes.a: the short form"),
            ("  a: {set: method.rank, to: []}", "axes.a: the short form"),
            ("  a: {set: method.rank, to: 3}", "axes.a: the short form"),
            ("  a: {set: method.rank, to: [1], by: 2}", "axes.a: the short form"),
            ("  a: {set: rank, to: [1, 2]}", "axes.a.set: must be recipe, method or metapeft"),
            ("  a: {set: method.rank, to: [1, 1]}", "axes.a.to[1]: the value 1 is listed twice"),
            ("  a: {set: method.rank, to: [[1], 2]}", "axes.a.to[0]: must be a label"),
            ("  a: {set: method.rank, to: [1, 0]}", "axes.a.to[1].method.rank: "),
            ("  a: {set: method.rnak, to: [1, 2]}", "axes.a.to[0].method.rnak: there is no such"),
            ("  a: {x: {method: {rank: true}}}", "axes.a.x.method.rank: must be a number"),
        ],
    )
    def test_are_told_with_place(self, files: MatrixFiles, axes: str, message: str) -> None:
        error = files.error(HEAD + "axes:\n" + axes + "\n")
        assert message in error.what
        assert str(error.where).endswith("mine.yaml:7")

    def test_an_option_that_a_method_lacks(self, files: MatrixFiles) -> None:
        text = HEAD.replace("[lora, ", "[linear, lora, ") + "axes:\n" + POSITIONS
        error = files.error(text)
        assert "axes.position.q.method.positions: there is no such field" in error.what
        assert "method 'linear'" in error.what
        assert f"{files.folder / 'mine.yaml'}:7" in str(error.where)

    @pytest.mark.parametrize(
        ("axes", "message"),
        [
            ("  a: {x: {}, y: {}}", "same settings at each of its values"),
            ("  a: {x: {method: {rank: 4}}, y: {}}", "same settings at each of its values"),
            ("  a: {x: {recipe: {tau: 1}}, y: {recipe: {tau: 1}}}", "same settings at each"),
        ],
    )
    def test_an_axis_without_effect_warns(
        self, files: MatrixFiles, axes: str, message: str
    ) -> None:
        with pytest.warns(MatrixWarning, match=rf"mine.yaml:7: axes.a has no effect.*{message}"):
            files.cells(HEAD + "axes:\n" + axes + "\n")

    def test_an_axis_of_metapeft_where_nothing_uses_it_warns(self, files: MatrixFiles) -> None:
        with pytest.warns(MatrixWarning, match="axes.ratio has no effect: no cell has a place"):
            files.cells(HEAD.replace(", lora+metapeft", "") + "axes:\n" + RATIOS)


class TestOnly:
    def test_by_axis(self, files: MatrixFiles) -> None:
        cells = files.cells(HEAD + "axes:\n" + POSITIONS + RATIOS)
        assert len(filter_cells(cells, parse_only(["position=q,qk"]))) == len(cells) == 6
        kept = filter_cells(cells, parse_only(["position=qk", "ratio=0.1"]))
        assert [cell.axes for cell in kept] == [{"position": "qk", "ratio": "0.1"}]

    @pytest.mark.parametrize(
        ("text", "message", "remedy"),
        [
            ("positoin=q", "unknown key", "did you mean 'position'? keys: target, "),
            ("depth=1", "unknown key", "seed, position, ratio"),
            ("position=v", "no cell of this matrix has it", "q, qk"),
        ],
    )
    def test_mistakes(self, files: MatrixFiles, text: str, message: str, remedy: str) -> None:
        cells = files.cells(HEAD + "axes:\n" + RATIOS + POSITIONS)
        with pytest.raises(SettingsError, match=message) as caught:
            filter_cells(cells, parse_only([text]))
        assert remedy in caught.value.remedy


class TestDefaults:
    TEXT = HEAD.replace(
        "[lora, lora+metapeft]", "[linear, lora, {name: mine, kind: lora, rank: 3}]"
    )

    def test_hold_for_every_label_of_a_kind_and_entries_win(self, files: MatrixFiles) -> None:
        text = self.TEXT + "defaults: {lora: {method: {rank: 8}, recipe: {epochs: 2}}}\n"
        found = {
            c.method.name: (c.method.options.get("rank"), c.recipe.epochs)
            for c in files.cells(text)
        }
        assert found == {"linear": (None, 10), "lora": (8, 2), "mine": (3, 2)}

    def test_overrides_and_axes_win(self, files: MatrixFiles) -> None:
        text = self.TEXT + "defaults: {lora: {recipe: {epochs: 2, tau: 0.5}}}\n"
        text += "overrides: [{when: {method: lora}, recipe: {epochs: 3}}]\n"
        epochs = {c.method.name: (c.recipe.epochs, c.recipe.tau) for c in files.cells(text)}
        assert epochs == {"linear": (10, 1.0), "lora": (3, 0.5), "mine": (2, 0.5)}

    def test_mistakes(self, files: MatrixFiles) -> None:
        error = files.error(self.TEXT + "defaults: {lroa: {recipe: {epochs: 2}}}\n")
        assert "defaults.lroa: there is no kind of method called 'lroa'" in error.what
        error = files.error(self.TEXT + "defaults: {lora: {method: {rnak: 2}}}\n")
        assert "defaults.lora.method.rnak: there is no such field" in error.what


class TestTooMany:
    """The number of cells is known before any of them is made."""

    def test_values_of_axes(self, files: MatrixFiles) -> None:
        values = ", ".join(str(number / 100) for number in range(1, 101))
        names = ("tau", "head_scale", "learning_rate", "weight_decay")
        axes = "".join(f"  {each}: {{set: recipe.{each}, to: [{values}]}}\n" for each in names)
        error = files.error(HEAD.replace("[lora, lora+metapeft]", "[lora]") + "axes:\n" + axes)
        assert "the matrix names 100,000,000 cells" in error.what
        assert "100,000" in error.what

    def test_seeds(self, files: MatrixFiles) -> None:
        loaded = files.load(HEAD.replace("[lora, lora+metapeft]", "[lora]"))
        with pytest.raises(MatrixError, match="names 300,000 cells"):
            expand(loaded, range(300_000))

    def test_what_is_counted_is_what_is_made(self, files: MatrixFiles) -> None:
        text = HEAD + "axes:\n" + RATIOS + RANKS + "include: [{seeds: [7], axes: {rank: 8}}]\n"
        document = files.load(text).document
        assert number_of_labels(document) == len(all_labels(document))
