"""What the API answers, as JSON; described by `openapi.json`."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np

from jpegtrace.findings import Json
from jpegtrace.web.jobs import Job, JobStore
from jpegtrace.web.messages import Examined, Mapped
from jpegtrace.web.settings import Settings

_DIGITS = 6  # of a value of a map


def job_path(job: Job) -> str:
    """Where a job is asked about."""
    return f"/api/jobs/{job.id}"


def job_json(job: Job, store: JobStore) -> dict[str, object]:
    """A job: how far it is, and in short what was found."""
    seconds, kept_for = store.seconds(job), store.kept_for(job)
    return {
        "id": job.id,
        "href": job_path(job),
        "name": job.name,
        "bytes": job.size,
        "state": job.state.value,
        "share": job.share,
        "doing": job.doing,
        "place": store.place(job),
        "seconds": None if seconds is None else round(seconds, 2),
        "kept_for": None if kept_for is None else round(kept_for, 1),
        "error": None if job.error is None else job.error.to_dict(),
        "notes": list(job.notes),
        "report": None if job.examined is None else _report_json(job, job.examined),
    }


def _report_json(job: Job, found: Examined) -> dict[str, object]:
    base = job_path(job)
    return {
        **found.summary,
        "json": f"{base}/report.json",
        "html": f"{base}/report.html",
        "preview": None if found.preview is None else f"{base}/preview.jpg",
        "maps": [
            {
                "analysis": m.analysis,
                "name": m.map.name,
                "title": m.title,
                "unit": m.map.unit,
                "caption": m.figure.caption,
                "href": f"{base}/maps/{quote(m.analysis, safe='')}/{quote(m.map.name, safe='')}",
            }
            for m in list(job.maps.values())
        ],
    }


def map_json(found: Mapped, report: Examined) -> dict[str, object]:
    """A map: its values (null where the analysis abstains), and how it is drawn."""
    m, figure = found.map, found.figure
    values = np.round(m.values.astype(np.float64), _DIGITS).astype(object)
    values[~np.isfinite(m.values)] = None
    return {
        "analysis": found.analysis,
        "name": m.name,
        "unit": m.unit,
        "labels": list(m.labels),
        "cell": list(m.cell),
        "shape": list(m.values.shape),
        "width": report.summary["width"],
        "height": report.summary["height"],
        "title": figure.title,
        "caption": figure.caption,
        "picture": figure.map,
        "scale": figure.bar,
        "ticks": [{"text": tick.text, "place": tick.place} for tick in figure.ticks],
        "keys": [{"text": key.text, "swatch": key.swatch} for key in figure.keys],
        "values": values.tolist(),
    }


def settings_json(settings: Settings) -> dict[str, object]:
    """Bounds that whoever uploads should know."""
    return {
        "bytes": settings.limits.bytes,
        "pixels": settings.limits.pixels,
        "pictures": settings.pictures,
        "seconds": settings.seconds,
        "keep_minutes": settings.keep_minutes,
        "keep_results": settings.keep_results,
    }


def analyses_json() -> list[dict[str, Json]]:
    """Every question that is asked, from the registry."""
    from jpegtrace.analyses import all_analyses

    return [analysis.to_dict() for analysis in all_analyses()]
