"""What `fxkit evaluate` prints of calibration, operating points and subgroups."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fxkit.bootstrap import Interval
    from fxkit.details import Details


def interval_text(found: "Interval", sign: str = "") -> str:
    """Return a value and its interval as text."""
    if found.value != found.value:
        return "undefined"
    return f"{found.value:{sign}.3f}  ({found.low:{sign}.3f} to {found.high:{sign}.3f})"


def print_details(details: "Details") -> None:
    """Print calibration, operating points and subgroups, by film."""
    from fxkit.cli import one_line
    from fxkit.subgroups import multiplicity

    found = details.calibration["film"]
    click.echo(f"calibration by film: ECE {found.ece:.3f}, without chance {interval_text(found.error)}")
    if found.slope and found.intercept:
        slope, large = interval_text(found.slope), interval_text(found.intercept)
        click.echo(f"  slope (1 is right) {slope}, in the large (0 is right) {large}")
    for point in details.operating_points:
        films = f"chosen on {point.chosen_films} validation films of {point.chosen_groups} groups"
        origin = films if point.chosen_on else "given"
        click.echo(f"operating point {point.target}, {origin}: p >= {point.threshold:.4f}")
        for name, figure in point.levels["film"].items():
            called = name.replace("_at_prevalence", f" at {point.prevalence}")
            click.echo(f"  {called:<20} {interval_text(figure):<26} {figure.n} in {figure.n_groups} groups")
    if details.subgroups:
        click.echo("subgroups by film, and their gap to the other films:")
    for part in details.subgroups:
        few = ", few groups: read the interval" if part.few else ""
        name = one_line(f"{part.attribute} = {part.value}")
        click.echo(f"  {name}: {part.n_films} films, {part.n_groups} groups{few}")
        for metric, figure in part.figures.items():
            click.echo(f"    {metric:<18} {interval_text(figure):<26} gap {interval_text(part.gaps[metric], '+')}")
    if details.subgroups:
        click.echo(f"  {multiplicity(details.subgroups)}")
