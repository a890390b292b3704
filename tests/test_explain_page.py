"""The page in a browser: its numbers, its controls, its width. Skipped where no browser is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, emulate

from convcli import conv2d, conv_transpose2d
from convcli.explain.animation import write_animation
from convcli.explain.forms import parts_of
from convcli.explain.settle import settle


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def page(driver: Any, tmp_path: Path) -> Any:
    """Return a function that opens the page of a setting."""

    def opened(input: str, kernel: str, **options: Any) -> Any:
        target = tmp_path / "page.html"
        write_animation(settle(input, kernel, **options), target, overwrite=True)
        emulate(driver)
        driver.get(target.as_uri())
        return driver

    return opened


SET = """
for (const [id, value] of Object.entries(arguments[0])) {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event(id === "padMode" ? "change" : "input"));
}
"""
READ = """
go(-1);
const step = current?.step(current.count - 1);
const drawn = [...document.querySelectorAll("text[data-board=output]:not([font-weight])")];
return JSON.stringify({
  setting, results: step?.results ?? {}, fault: document.getElementById("fault").textContent,
  drawn: Object.fromEntries(drawn.map((text) => [text.dataset.place, text.textContent])),
  input: config.input, kernel: config.kernel,
});
"""


def table(terms: list, size: list[int]) -> np.ndarray:
    rows = [[sum(term[0] for term in cell) for cell in row[: size[1]]] for row in terms]
    return np.array(rows[: size[0]], float)


def test_the_numbers_are_those_of_conv2d_for_thirty_settings(page) -> None:
    driver = page("5x5", "3x3")
    chance = random.Random(15)
    drawn = computed = 0
    for _ in range(30):
        form = chance.choice(["convolve", "scatter", "gather"])
        chosen = {
            "size": chance.randint(1, 8),
            "kernel": chance.randint(1, 5),
            "stride": chance.randint(1, 4),
            "pads": chance.randint(0, 3),
            "dilation": chance.randint(1, 3),
            "padMode": "zeros",
        }
        if form == "convolve":
            chosen["padMode"] = chance.choice(["zeros", "reflect", "replicate", "circular"])
        chosen["outputPadding"] = chance.randint(0, 3)
        state = json.loads(
            driver.execute_script(
                f"document.querySelector('input[value={form}]').click();{SET}{READ}", chosen
            )
        )
        setting = state["setting"]
        assert setting["form"] == form
        assert setting["size"] == [chosen["size"]] * 2
        options = {key: tuple(setting[key]) for key in ("stride", "dilation")}
        options["pad"] = tuple(setting["pads"])
        x = table(state["input"], setting["size"])[None]
        w = table(state["kernel"], setting["kernel"])[None, None]
        if state["fault"]:
            with pytest.raises(ValueError, match="smaller than one pixel"):
                conv2d(x, w, **options) if form == "convolve" else conv_transpose2d(x, w, **options)
            continue
        computed += 1
        if form == "convolve":
            expected = conv2d(x, w, pad_mode=setting["padMode"], **options)[0]
        else:
            extra = tuple(setting["outputPadding"])
            expected = conv_transpose2d(x, w, output_padding=extra, **options)[0]
        top, left = setting["pads"][:2] if form == "scatter" else (0, 0)
        wanted = {f"{i + top},{j + left}": value for (i, j), value in np.ndenumerate(expected)}
        found = {place: float(state["results"].get(place, 0)) for place in wanted}
        assert found == wanted
        for place, text in state["drawn"].items():
            if place in wanted and text != "…":
                assert float(text) == wanted[place]
                drawn += 1
    assert computed > 20
    assert drawn > 200


SETTINGS = [
    ("5x5", "3x3", {"stride": 2, "pad": 1}),
    ("1 2 3; 4 5 6", "1 -1; 0.5 2", {"pad": (0, 1, 2, 0), "dilation": 2, "pad_mode": "reflect"}),
    ("a b c d", "x y z", {"pad": 1}),
    ("2x2", "3x3", {"stride": 2, "pad": 1, "output_padding": 1, "transpose": True}),
    ("a b; c -2", "x 0; 1 y", {"stride": (2, 1), "transpose": True}),
    ("3", "2", {"stride": 3, "dilation": 2, "output_padding": 2, "transpose": True}),
    ("1 2", "1 2 3", {"stride": 1, "pad": 3, "pad_mode": "circular"}),
]


@pytest.mark.parametrize(("input", "kernel", "options"), SETTINGS)
def test_the_script_takes_the_same_steps_as_gif_and_svg(page, input, kernel, options) -> None:
    driver = page(input, kernel, **options)
    for part in parts_of(settle(input, kernel, **options)):
        expected = json.loads(json.dumps(part.as_json()))
        found = json.loads(
            driver.execute_script(
                "const made = scene({...setting, form: arguments[0]}, cells);"
                "const {left, kernel, right} = made;"
                "return JSON.stringify({form: arguments[0], left, kernel: {texts: kernel.texts},"
                " right: {kinds: right.kinds}, steps: range(made.count).map(made.step)});",
                part.form,
            )
        )
        assert found == expected


def test_buttons_and_keys_move_through_the_steps(page) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = page("5x5", "3x3", stride=2, pad=1)

    def count() -> str:
        return driver.find_element(By.ID, "count").text

    body = driver.find_element(By.TAG_NAME, "body")
    assert count() == "step 1 of 9"
    assert driver.find_element(By.ID, "play").text == "Play"
    driver.find_element(By.ID, "step").click()
    assert count() == "step 2 of 9"
    assert driver.find_element(By.ID, "sum").text.startswith("out[0,1] = ")
    body.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert count() == "step 4 of 9"
    body.send_keys(Keys.ARROW_LEFT)
    assert count() == "step 3 of 9"
    body.send_keys(Keys.END)
    assert count() == "step 9 of 9"
    body.send_keys(Keys.HOME)
    assert count() == "step 1 of 9"
    # On a slider the arrows are the slider's.
    stride = driver.find_element(By.ID, "stride")
    stride.send_keys(Keys.ARROW_LEFT)
    assert count() == "step 1 of 25"
    assert driver.find_element(By.ID, "stride-value").text == "1"


def test_playing_advances_and_stops(page) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    driver = page("5x5", "3x3", stride=2, pad=1)
    driver.execute_script(SET, {"speed": 4})
    play = driver.find_element(By.ID, "play")
    play.click()
    assert play.text == "Pause"
    assert driver.find_element(By.ID, "sum").get_attribute("aria-live") == "off"
    # A step takes 200 ms, and after the last comes the first.
    WebDriverWait(driver, 20, poll_frequency=0.05).until(
        lambda it: it.find_element(By.ID, "count").text == "step 3 of 9"
    )
    play.click()
    assert (play.text, play.get_attribute("aria-pressed")) == ("Play", "false")
    assert driver.execute_script("return timer") is None


def test_settings_with_an_empty_result_are_reported(page) -> None:
    from selenium.webdriver.common.by import By

    driver = page("2x2", "3x3", pad=1)
    driver.execute_script(SET, {"pads": 0})
    assert "The result is empty" in driver.find_element(By.ID, "fault").text
    assert not driver.find_element(By.ID, "step").is_enabled()
    driver.execute_script(SET, {"pads": 1})
    assert driver.find_element(By.ID, "fault").text == ""


def test_every_control_has_a_label_and_the_drawing_a_description(page) -> None:
    driver = page("2x2", "3x3", stride=2, transpose=True)
    unlabelled = driver.execute_script(
        "return [...document.querySelectorAll('input, select')]"
        ".filter((control) => !control.labels.length).map((control) => control.id)"
    )
    assert unlabelled == []
    label = driver.execute_script("return find('drawing').getAttribute('aria-label')")
    assert label.startswith("Transposed convolution, scattering, in[0,0] = 1 times the kernel:")


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_the_colour_scheme(page, width: int, scheme: str) -> None:
    driver = page("7x7", "3x3", stride=2, pad=1)
    emulate(driver, width=width, prefers_color_scheme=scheme)
    driver.execute_script("show()")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(252, 252, 250)", "dark": "rgb(21, 24, 29)"}[scheme]
    smallest = driver.execute_script(
        "const drawing = find('drawing');"
        "const scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;"
        "return Math.min(...[...drawing.querySelectorAll('text')]"
        ".map((text) => scale * text.getAttribute('font-size')))"
    )
    assert smallest >= 9


def test_reduced_motion_has_no_transitions_and_nothing_plays_by_itself(page) -> None:
    driver = page("5x5", "3x3")
    emulate(driver, prefers_reduced_motion="reduce")
    duration = "return getComputedStyle(document.querySelector('#drawing rect')).transitionDuration"
    assert driver.execute_script(duration) == "0s"
    assert driver.execute_script("return timer") is None


def test_the_page_asks_no_network_and_reports_no_error(page) -> None:
    driver = page("5x5", "3x3")
    driver.execute_script("go(3)")
    asked = [
        message["params"]["request"]["url"]
        for entry in driver.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert asked
    assert not {url.partition(":")[0] for url in asked} & {"http", "https", "ws", "wss"}
    assert driver.get_log("browser") == []


def test_the_svg_is_well_formed_and_moves(driver: Any, tmp_path: Path) -> None:
    target = tmp_path / "conv.svg"
    write_animation(settle("3x3", "2x2"), target)
    emulate(driver)
    driver.get(target.as_uri())
    visible = (
        "return [...document.querySelectorAll('text')]"
        ".filter((text) => getComputedStyle(text).visibility === 'visible')"
        ".map((text) => text.textContent).filter((text) => text.startsWith('step'))"
    )
    for seconds in (0.1, 1.3, 3.7):
        driver.execute_script(
            "for (const one of document.getAnimations()) {"
            " one.pause(); one.currentTime = 1000 * arguments[0]; }",
            seconds,
        )
        assert driver.execute_script(visible) == [f"step {int(seconds / 1.2) + 1} of 4"]
    emulate(driver, prefers_reduced_motion="reduce")
    driver.get(target.as_uri())
    assert driver.execute_script(visible) == ["step 4 of 4"]
