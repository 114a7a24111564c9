"""The data sets of the course, one record each. To add a set: a record here, a section in data/README.md."""
from __future__ import annotations

from utils.datasets import challenges, read
from utils.datasets.types import Card

KERMANY = "Kermany et al. 2018, doi:10.17632/rscbjbr9sj"
MEDMNIST = "Yang et al. 2023, MedMNIST v2, Sci Data"
TSCHANDL = "Tschandl et al. 2018, doi:10.7910/DVN/DBW86T"

_RECORDS = (
    Card(name="dermamnist", title="DermaMNIST", files=("dermamnist.npz",),
        url="https://zenodo.org/records/10519652/files/dermamnist.npz?download=1",
        md5="0744692d530f8e62ec473284d019b0c7", reader=read.medmnist, options=("metadata",),
        writer="dermamnist", classes=("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"),
        shape=(28, 28, 3), counts=(7007, 1003, 2005), citation=f"{TSCHANDL}; {MEDMNIST}",
        licence="CC BY-NC 4.0",),
    Card(name="dermamnist_split_info", title="HAM10000's split table",
        files=("dermamnist_split_info.csv",),
        url="https://raw.githubusercontent.com/kakumarabhishek/Corrected-Skin-Image-Datasets/"
        "d15d70dc445c7f5960d8376f89512ea9079c4222/DermaMNIST/DermaMNIST_Analysis/dermamnist_split_info.csv",
        reader=read.table, columns=("split", "index", "image_id"), counts=(10015,),
        citation=f"{TSCHANDL}; Abhishek et al. 2025, Sci Data", licence="CC BY-NC 4.0",),
    Card(name="ham10000_metadata", title="HAM10000's table", files=("HAM10000_metadata.csv",),
        url="https://dataverse.harvard.edu/api/access/datafile/4338392?format=original",
        reader=read.table,
        columns=("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"),
        counts=(10015,), citation=TSCHANDL, licence="CC BY-NC 4.0",),
    Card(name="ham10000_lesion_masks", title="HAM10000's lesion masks",
        files=("ham10000_lesion_masks_28.npz",), reader=read.arrays, shape=(28, 28),
        counts=(10015,), citation="Tschandl et al. 2020, Nat Med", licence="CC BY-NC 4.0",
        advice="data/README.md says how to make it",),
    Card(name="pneumoniamnist", title="PneumoniaMNIST", files=("pneumoniamnist.npz",),
        url="https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
        md5="28209eda62fecd6e6a2d98b1501bb15f", reader=read.medmnist, writer="pneumoniamnist",
        classes=("normal", "pneumonia"), shape=(28, 28), counts=(4708, 524, 624),
        citation=f"{KERMANY}; {MEDMNIST}", licence="CC BY 4.0",),
    Card(name="chest_xray", title="Children's chest X-rays", files=("chest_xray",),
        reader=read.split_folders, options=("size",), classes=("NORMAL", "PNEUMONIA"),
        shape=(224, 224), citation=KERMANY, licence="CC BY 4.0",
        advice="get it from Mendeley Data or Kaggle (data/README.md says how), unzip it there, and run this again",),
    Card(name="mr_t1_series", title="T1-weighted head MR",
        files=("mr_t1_series/*.dcm", "mr_t1_series"), reader=read.dicom_series,
        writer="mr_t1_series", citation="datalad/example-dicom-structural",
        licence="PDDL (public domain)",),
    Card(name="lidc_nodules", title="LIDC-IDRI nodules",
        files=("lidc_nodules.npz", "LIDC-IDRI-[0-9]*/nodule-*", "*/LIDC-IDRI-[0-9]*/nodule-*"),
        reader=read.outlines, writer="lidc_nodules", shape=(128, 128), counts=(1188,),
        citation="Armato et al. 2011, doi:10.1118/1.3528204; doi:10.7937/K9/TCIA.2015.LO9QL9SX",
        licence="CC BY 3.0",),
    Card(name="ct_volume", title="CT volume", files=("ct/body_3mm.nii.gz",), reader=read.volume,
        writer="ct_volume",
        citation="test data of TotalSegmentator, Wasserthal et al. 2023, doi:10.1148/ryai.230024",
        licence="Apache 2.0",),
    Card(name="ct_slices", title="Chest CT slices", files=("ct/chest_slice_*.dcm",),
        reader=read.dicom_series, writer="ct_slices",
        citation="test data of lungmask, Hofmanninger et al. 2020, doi:10.1186/s41747-020-00173-2",
        licence="Apache 2.0",),
    Card(name="rsna", title="RSNA pneumonia",
        files=(
            f"rsna/{challenges.LABELS}",
            f"rsna-pneumonia-detection-challenge/{challenges.LABELS}",
            "rsna",
            "rsna-pneumonia-detection-challenge",
        ),
        reader=challenges.rsna, options=("limit",), writer="rsna",
        classes=("Normal", "No Lung Opacity / Not Normal", "Lung Opacity"), counts=(26_684,),
        citation="Shih et al. 2019, doi:10.1148/ryai.2019180041",
        licence="the rules of the challenge",),
    Card(name="covid19", title="COVID-19-20",
        files=(
            "covid19/*_ct.nii.gz",
            "covid19/Train/*_ct.nii.gz",
            "COVID-19-20_v2/Train/*_ct.nii.gz",
            "covid19/Train",
            "covid19",
            "COVID-19-20_v2/Train",
        ),
        reader=challenges.covid19, options=("limit",), writer="covid19", counts=(199,),
        citation="Roth et al. 2022, doi:10.1016/j.media.2022.102605",
        licence="see the challenge's page",),
)
CARDS = {card.name: card for card in _RECORDS}
