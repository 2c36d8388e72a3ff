"""What the authors' GapNet takes and gives, which its file does not say."""

import pandas as pd

# Hofmarcher et al. 2019; in the order of the published arrays.
PUBLISHED_CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
# Columns of the published label matrix (github.com/ml-jku/hti-cnn): thresholds of pChEMBL values
# first, whose rows are very probably shifted, so that no task of ours is one of them; then the
# majority of the comments on these assays, by ChEMBL's assay_id.
THRESHOLD_COLUMNS = 30
COMMENT_ASSAYS = [
    737822, 737826, 737823, 737824, 737825, 752386, 752310, 809005, 1301435, 1301666, 1495242,
    1495404, 1495405, 1495415, 737121, 737370, 737357, 737098, 688444, 688279, 809021, 809009,
    809014, 809018, 809022, 809023, 809024, 809027, 809031, 809032, 809035, 809039, 809044, 809048,
    809051, 809054, 809057, 809059, 809061, 809062, 809073, 809076, 809077, 809079, 809080, 809086,
    809089, 809091, 809099, 809100, 809101, 809102, 809105, 809106, 809113, 809292, 809302, 809308,
    809314, 809316, 809322, 809324, 809328, 809330, 809333, 809335, 809337, 809343, 809348, 809349,
    809351, 809359, 809369, 809370, 809377, 809393, 809401, 809408, 809409, 809411, 809423, 809425,
    809426, 809428, 809431, 737256, 737262, 737390, 737452, 737622, 737212, 737403, 737353, 737421,
    736962, 737022, 737053, 752398, 752327, 752533, 809336, 845098, 845258, 1495389, 1495390,
    1495392, 1495393, 1495295, 1495296, 1495265, 1495307, 1495312, 1495290, 1495338, 1495260,
    1495408, 737187, 737127, 737173, 737400, 737623, 737717, 737718, 737287, 737344, 737407, 736947,
    736963, 752347, 752328, 752407, 752411, 752493, 752471, 752434, 752496, 752509, 752563, 752546,
    752522, 752590, 752594, 752477, 809095, 809421, 845045, 845063, 845102, 845127, 845164, 845133,
    845169, 845173, 845177, 845185, 845196, 845199, 845186, 845225, 845231, 954272, 954305, 954338,
    954333, 1301428, 1301460, 1301485, 1301620, 1301608, 1301593, 1301717, 1301709, 688671, 845206,
    1301866, 1301890, 1301859, 1301893, 1495346,
]  # fmt: skip
PUBLISHED_OUTPUTS = THRESHOLD_COLUMNS + len(COMMENT_ASSAYS)


def published_tasks(assays: pd.DataFrame) -> list[str]:
    """Name the outputs of the authors' GapNet as the tasks of a label matrix.

    Parameters
    ----------
    assays : pandas.DataFrame
        As `labels.tables.ASSAYS`; ASSAY_ID is missing where the labels come from the web service.

    Returns
    -------
    list of str
        A name for each output; "published column" and its number, from 1, where the label matrix
        has no such task.
    """
    comments = assays[(assays["KIND"] == "comment") & assays["ASSAY_ID"].notna()]
    names = dict(zip(comments["ASSAY_ID"].astype("int64"), comments["TASK"], strict=True))
    of_columns = [None] * THRESHOLD_COLUMNS + [names.get(number) for number in COMMENT_ASSAYS]
    return [name or f"published column {number}" for number, name in enumerate(of_columns, 1)]
